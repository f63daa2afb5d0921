import LinearAlgebra
import Testing

@Suite struct BFloat16ShardProductSumTests {
    private let memory = GuardedMemory()

    @Test(arguments: [(7, 37), (16, 64), (100, 50), (50, 1), (1, 50), (768, 768), (700, 1000), (81, 3072)])
    func againstANaiveSum(m: Int, n: Int) {
        let offsets = [0, 5, 5, 6, 17, 24]
        let left = memory.bfloat16Matrix(Grid(24, m, seed: 1))
        let right = memory.bfloat16Matrix(Grid(24, n, seed: 2))
        let result = memory.matrix(m, n)
        multiplyShardwise([ShardRun(left, right, shardOffsets: offsets)], into: result, scratch: GrowingBuffer())
        let (a, b) = (Grid(left), Grid(right))
        var worst = 0.0
        for row in 0..<m {
            for column in 0..<n {
                let terms = (0..<24).map { a[$0, row] * b[$0, column] }
                let error = abs(Double(result[row, column]) - terms.reduce(0, +))
                let bound = 26 * 0x1p-24 * terms.reduce(0) { $0 + abs($1) }
                worst = error <= bound ? worst : max(worst, error.isNaN ? .infinity : error)
            }
        }
        #expect(worst == 0, "\(worst) away")
        #expect(memory.isIntact)
    }

    /// The bits are those of each shard by itself, added up as the tree over the shards. Some shards are longer than the sums
    /// that oneDNN keeps in registers.
    @Test(arguments: [1, 2, 3, 4, 5, 7, 8, 13], [(50, 37, 5), (384, 400, 5), (384, 400, 60), (768, 1536, 60)])
    func isTheTreeOfShards(shards: Int, size: (m: Int, n: Int, growth: Int)) {
        let offsets = (0...shards).map { $0 * ($0 + size.growth) / 2 + ($0 > 3 ? 500 : 0) }
        let left = memory.bfloat16Matrix(Grid(offsets[shards], size.m, seed: 1))
        let right = memory.bfloat16Matrix(Grid(offsets[shards], size.n, seed: 2))
        let (result, scratch) = (memory.matrix(size.m, size.n), GrowingBuffer())
        multiplyShardwise([ShardRun(left, right, shardOffsets: offsets)], into: result, scratch: scratch)

        let count = size.m * size.n
        let single = memory.matrix(shards, count)
        for shard in 0..<shards {
            let range = offsets[shard]..<offsets[shard + 1]
            multiplyShardwise(
                [ShardRun(left.rows(range), right.rows(range), shardOffsets: [0, range.count])],
                into: single.row(shard).matrix(rows: size.m, columns: size.n), scratch: scratch)
        }
        let sum = memory.vector(count)
        treeSum(single, into: sum)
        let differing = zip(result.bits, sum.bits).count { $0 != $1 }
        #expect(differing == 0, "\(differing) of \(count) elements differ")
        #expect(memory.isIntact)

        // The same where the shards' rows stand in several places.
        result.flattened.fill(.nan)
        multiplyShardwise(runs(of: left, right, offsets, cuts: [1, 4, 6]), into: result, scratch: scratch)
        #expect(zip(result.bits, sum.bits).allSatisfy { $0 == $1 })
        #expect(memory.isIntact)
    }

    @Test func emptyShardsAddNothing() {
        let result = memory.matrix(3, 4)
        multiplyShardwise(
            [ShardRun(memory.bfloat16Matrix(0, 3), memory.bfloat16Matrix(0, 4), shardOffsets: [0, 0, 0])],
            into: result, scratch: GrowingBuffer())
        #expect(result.bits == [UInt32](repeating: 0, count: 12))
        #expect(memory.isIntact)
    }
}

private func runs(
    of left: BFloat16View, _ right: BFloat16View, _ offsets: [Int], cuts: [Int]
) -> [ShardRun<BFloat16View>] {
    pieces(offsets, cuts).map { ShardRun(left.rows($0.rows), right.rows($0.rows), shardOffsets: $0.offsets) }
}
