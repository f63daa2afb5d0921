import LinearAlgebra
import Testing

/// Products of bfloat16 as they are where the processor has no instructions for them: those of the same numbers in single
/// precision, to the bit.
@Suite struct WidenedProductTests {
    private let memory = GuardedMemory(gap: 3)

    @Test(
        arguments: [
            (1, 1, 1), (7, 50, 100), (16, 64, 32), (33, 64, 1), (50, 1, 7), (30, 769, 130), (0, 4, 5), (4, 5, 0),
        ]
        .map(ProductSize.init), [Operand.asIs, .transposed])
    func areThoseOfSinglePrecision(size: ProductSize, leftOperand: Operand) {
        for rightOperand in [Operand.asIs, .transposed] {
            for adds in [false, true] {
                let (a, b) = (Grid(size.m, size.k, seed: 1), Grid(size.k, size.n, seed: 2))
                let left = memory.bfloat16Matrix(leftOperand == .asIs ? a : a.transposed, gap: 5)
                let right = memory.bfloat16Matrix(rightOperand == .asIs ? b : b.transposed, gap: 5)
                let (result, single) = (memory.matrix(size.m, size.n), memory.matrix(size.m, size.n))
                for row in 0..<size.m {
                    result.row(row).fill(adds ? 0.5 : .nan)
                    single.row(row).fill(adds ? 0.5 : .nan)
                }
                WidenedProduct.multiply(left, leftOperand, right, rightOperand, into: result, adds: adds)
                let rows = leftOperand == .asIs ? Grid(left) : Grid(left).transposed
                multiply(
                    memory.matrix(rows), memory.matrix(Grid(right)), rightOperand, into: single, adds: adds,
                    scratch: ProductScratch())
                let isSame = result.bits == single.bits
                #expect(isSame, "\(leftOperand) \(rightOperand), adds \(adds)")
                #expect(memory.isIntact && left.gapsAreUntouched && right.gapsAreUntouched)
            }
        }
    }

    @Test(arguments: [(7, 37), (16, 64), (100, 50), (50, 1), (130, 769)])
    func sumsOverShardsAreThoseOfSinglePrecision(m: Int, n: Int) {
        let offsets = [[0, 5, 5, 6], [0, 11, 18]]
        func runs<Matrix>(_ matrix: (Grid) -> Matrix) -> [ShardRun<Matrix>] {
            offsets.enumerated().map { index, offsets in
                let rows = offsets[offsets.count - 1]
                return ShardRun(
                    matrix(Grid(rows, m, seed: UInt64(index))), matrix(Grid(rows, n, seed: UInt64(index) + 9)),
                    shardOffsets: offsets)
            }
        }
        let (result, single) = (memory.matrix(m, n), memory.matrix(m, n))
        WidenedProduct.multiplyShardwise(runs { memory.bfloat16Matrix($0, gap: 5) }, into: result)
        multiplyShardwise(
            runs { memory.matrix(Grid(memory.bfloat16Matrix($0))) }, into: single, scratch: ProductScratch())
        let isSame = result.bits == single.bits
        #expect(isSame)
        #expect(memory.isIntact)
    }
}
