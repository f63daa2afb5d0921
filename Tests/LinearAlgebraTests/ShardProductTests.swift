import LinearAlgebra
import Testing

@Suite struct ShardProductTests {
    /// Right operands of a small and a base model, and of sizes that no model has.
    private static let sizes = [
        (128, 128), (128, 384), (384, 128), (384, 1536), (1536, 384), (768, 768), (312, 1200), (50, 37), (64, 192),
        (768, 3072),
    ]

    /// Every shard's rows have the bits of its product by itself, whatever the lengths of the shards beside it.
    @Test(arguments: sizes, [Operand.asIs, .transposed]) func bitsAreThoseOfEachShard(
        size: (Int, Int), operand: Operand
    ) {
        let (k, n) = size
        var random = TestRandom(seed: UInt64(k * n))
        let rows = 300
        let memory = FloatBuffer(count: rows * k + k * n)
        Philox(key: 3).fillNormal(memory.view, stream: 0, deviation: 1)
        let left = memory.view.slice(0..<rows * k).matrix(rows: rows, columns: k)
        let rest = memory.view.slice(rows * k..<rows * k + k * n)
        let right = operand == .asIs ? rest.matrix(rows: k, columns: n) : rest.matrix(rows: n, columns: k)
        for round in 0..<6 {
            var offsets = [0]
            // Empty shards, shards of a row or two, and longer ones of any length.
            while offsets[offsets.count - 1] < rows {
                let longest = [3, 12, 40, 100, 150, 150][round]
                offsets.append(min(offsets[offsets.count - 1] + Int.random(in: 0...longest, using: &random), rows))
            }
            for keep in [Float(0), 1] {
                let (joint, single) = (FloatBuffer(count: rows * n), FloatBuffer(count: rows * n))
                for buffer in [joint, single] { buffer.view.fill(keep == 0 ? .nan : 0.5) }
                multiplyShards(
                    left, shardOffsets: offsets, right, operand, into: joint.view.matrix(rows: rows, columns: n),
                    keep: keep)
                for range in zip(offsets, offsets.dropFirst()).map({ $0..<$1 }) {
                    multiply(
                        left.rows(range), .asIs, right, operand,
                        into: single.view.matrix(rows: rows, columns: n).rows(range), keep: keep)
                }
                let differing = zip(joint.view.bits, single.view.bits).count { $0 != $1 }
                #expect(differing == 0, "shards at \(offsets), keep \(keep): \(differing) elements differ")
            }
        }
    }

    @Test func noRows() {
        let memory = GuardedMemory(gap: 1)
        let result = memory.matrix(0, 5)
        multiplyShards(memory.matrix(0, 4), shardOffsets: [0, 0, 0], memory.matrix(4, 5), .asIs, into: result)
        multiplyShards(memory.matrix(0, 4), shardOffsets: [0], memory.matrix(4, 5), .asIs, into: result)
        #expect(memory.isIntact)
    }
}
