import LinearAlgebra
import Testing

/// Sizes of a product of [m, k] and [k, n].
struct ProductSize: Sendable, CustomTestStringConvertible {
    let m: Int
    let k: Int
    let n: Int

    var testDescription: String { "\(m) × \(k) × \(n)" }
}

@Suite struct ProductTests {
    private static let sizes = [
        (1, 1, 1), (1, 37, 16), (2, 3, 5), (7, 50, 100), (16, 16, 16), (33, 64, 1), (50, 1, 7), (64, 768, 48),
        (1, 768, 768), (20, 384, 130), (130, 32, 130), (7, 0, 5), (0, 4, 5), (4, 5, 0),
    ].map(ProductSize.init)

    @Test(arguments: sizes, [0, 5])
    func againstANaiveProduct(size: ProductSize, gap: Int) {
        for (leftOperand, rightOperand) in [
            (Operand.asIs, Operand.asIs), (.asIs, .transposed), (.transposed, .asIs), (.transposed, .transposed),
        ] {
            check(size, gap, leftOperand, rightOperand)
        }
    }

    private func check(_ size: ProductSize, _ gap: Int, _ leftOperand: Operand, _ rightOperand: Operand) {
        let memory = GuardedMemory(gap: gap)
        let (left, right) = (Grid(size.m, size.k, seed: 1), Grid(size.k, size.n, seed: 2))
        // Nothing of what was there may count, not even NaN.
        let result = memory.matrix(size.m, size.n)
        multiply(
            memory.matrix(leftOperand == .asIs ? left : left.transposed), leftOperand,
            memory.matrix(rightOperand == .asIs ? right : right.transposed), rightOperand,
            into: result)
        var worst = 0.0
        for row in 0..<size.m {
            for column in 0..<size.n {
                var (sum, magnitude) = (0.0, 0.0)
                for place in 0..<size.k {
                    sum += left[row, place] * right[place, column]
                    magnitude += abs(left[row, place] * right[place, column])
                }
                let error = abs(Double(result[row, column]) - sum)
                // A dot product of k rounded terms is off by less than k units of rounding of the sum of magnitudes.
                let bound = Double(size.k + 2) * 0x1p-24 * magnitude
                worst = error <= bound ? worst : max(worst, error.isNaN ? .infinity : error)
            }
        }
        #expect(worst == 0, "\(leftOperand) \(rightOperand): \(worst) away")
        #expect(memory.isIntact, "memory outside of the views was written")
    }

    @Test func shortForm() {
        let memory = GuardedMemory()
        let (left, right) = (memory.matrix(Grid(5, 7, seed: 1)), memory.matrix(Grid(7, 9, seed: 2)))
        let (short, long) = (memory.matrix(5, 9), memory.matrix(5, 9))
        multiply(left, right, into: short)
        multiply(left, .asIs, right, .asIs, into: long)
        #expect(short.bits == long.bits)
    }

    /// The same product gives the same bits however often it is computed and wherever its operands lie.
    @Test(arguments: [(32, 384, 384), (7, 100, 50), (64, 64, 20)]) func bitsDoNotDependOnAddresses(
        m: Int, k: Int, n: Int
    ) {
        var all = Set<[UInt32]>()
        for shift in 0..<17 {
            let (left, right) = (FloatBuffer(count: m * k + shift), FloatBuffer(count: k * n + 2 * shift))
            let result = FloatBuffer(count: m * n + shift)
            let (a, b) = (left.view.slice(shift..<m * k + shift), right.view.slice(2 * shift..<k * n + 2 * shift))
            Philox(key: 1).fillNormal(a, stream: 0, deviation: 1)
            Philox(key: 2).fillNormal(b, stream: 0, deviation: 1)
            let target = result.view.slice(shift..<m * n + shift)
            multiply(
                a.matrix(rows: m, columns: k), b.matrix(rows: k, columns: n), into: target.matrix(rows: m, columns: n))
            all.insert(target.bits)
        }
        let count = all.count
        #expect(count == 1, "\(count) different results")
    }
}

extension Grid {
    var transposed: Grid { Grid(columns, rows) { self[$1, $0] } }
}
