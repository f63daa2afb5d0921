import LinearAlgebra
import Testing

@Suite struct BFloat16ProductTests {
    private static let sizes = [
        (1, 1, 1), (1, 37, 16), (2, 3, 5), (7, 50, 100), (16, 16, 16), (33, 64, 1), (50, 1, 7), (64, 768, 48),
        (1, 768, 768), (20, 384, 130), (130, 33, 131), (77, 1000, 61), (7, 0, 5), (0, 4, 5), (4, 5, 0),
    ].map(ProductSize.init)

    @Test(arguments: sizes, [0, 5])
    func againstANaiveProduct(size: ProductSize, gap: Int) {
        for (leftOperand, rightOperand) in [
            (Operand.asIs, Operand.asIs), (.asIs, .transposed), (.transposed, .asIs), (.transposed, .transposed),
        ] {
            for adds in [false, true] { check(size, gap, leftOperand, rightOperand, adds) }
        }
    }

    private func check(
        _ size: ProductSize, _ gap: Int, _ leftOperand: Operand, _ rightOperand: Operand, _ adds: Bool
    ) {
        let memory = GuardedMemory(gap: gap)
        let (left, right) = (Grid(size.m, size.k, seed: 1), Grid(size.k, size.n, seed: 2))
        let leftView = memory.bfloat16Matrix(leftOperand == .asIs ? left : left.transposed, gap: gap)
        let rightView = memory.bfloat16Matrix(rightOperand == .asIs ? right : right.transposed, gap: gap)
        let before = Grid(size.m, size.n, seed: 3)
        let result = adds ? memory.matrix(before) : memory.matrix(size.m, size.n)
        multiply(leftView, leftOperand, rightView, rightOperand, into: result, adds: adds)
        let (a, b) = (Grid(leftView), Grid(rightView))
        var worst = 0.0
        for row in 0..<size.m {
            for column in 0..<size.n {
                var (sum, magnitude) = (0.0, 0.0)
                for place in 0..<size.k {
                    let term =
                        (leftOperand == .asIs ? a[row, place] : a[place, row])
                        * (rightOperand == .asIs ? b[place, column] : b[column, place])
                    sum += term
                    magnitude += abs(term)
                }
                let kept = adds ? before[row, column] : 0
                let error = abs(Double(result[row, column]) - (sum + kept))
                // The products of bfloat16 are exact in single precision; their sum is off as any sum of k terms.
                let bound = Double(size.k + 2) * 0x1p-24 * (magnitude + abs(kept))
                worst = error <= bound ? worst : max(worst, error.isNaN ? .infinity : error)
            }
        }
        #expect(worst == 0, "\(leftOperand) \(rightOperand), adds \(adds): \(worst) away")
        #expect(memory.isIntact && leftView.gapsAreUntouched && rightView.gapsAreUntouched)
    }

    /// Right operands of a small and a base model, and of sizes that no model has.
    private static let rights = [
        (32, 96), (128, 384), (384, 128), (384, 1536), (1536, 384), (768, 768), (312, 1200), (50, 37), (768, 3072),
    ]

    /// Every shard's rows have the bits of its product by itself, whatever the lengths of the shards beside it.
    @Test(arguments: rights, [Operand.asIs, .transposed])
    func bitsAreThoseOfEachShard(size: (Int, Int), operand: Operand) {
        let (k, n) = size
        var random = TestRandom(seed: UInt64(k * n))
        let (rows, memory) = (300, GuardedMemory())
        let left = memory.bfloat16Matrix(Grid(rows, k, seed: 1))
        let right = memory.bfloat16Matrix(operand == .asIs ? Grid(k, n, seed: 2) : Grid(n, k, seed: 2))
        let (joint, single) = (memory.matrix(rows, n), memory.matrix(rows, n))
        for longest in [3, 12, 40, 150] {
            var offsets = [0]
            while offsets[offsets.count - 1] < rows {
                offsets.append(min(offsets[offsets.count - 1] + Int.random(in: 0...longest, using: &random), rows))
            }
            for adds in [false, true] {
                for result in [joint, single] { result.flattened.fill(adds ? 0.5 : .nan) }
                multiplyShards(left, shardOffsets: offsets, right, operand, into: joint, adds: adds)
                for range in zip(offsets, offsets.dropFirst()).map({ $0..<$1 }) {
                    multiply(left.rows(range), .asIs, right, operand, into: single.rows(range), adds: adds)
                }
                let differing = zip(joint.bits, single.bits).count { $0 != $1 }
                #expect(differing == 0, "shards at \(offsets), adds \(adds): \(differing) elements differ")
            }
        }
        #expect(memory.isIntact)
    }

    /// Products on several threads at once disturb each other neither in their bits nor in their memory.
    @Test func manyThreads() async {
        let memory = GuardedMemory()
        let left = memory.bfloat16Matrix(Grid(90, 200, seed: 1))
        let right = memory.bfloat16Matrix(Grid(130, 200, seed: 2))
        let results = (0..<8).map { _ in memory.matrix(90, 130) }
        await withTaskGroup { group in
            for result in results {
                group.addTask {
                    for _ in 0..<20 { multiply(left, .asIs, right, .transposed, into: result) }
                }
            }
        }
        for result in results { #expect(result.bits == results[0].bits) }
        #expect(memory.isIntact)
    }
}
