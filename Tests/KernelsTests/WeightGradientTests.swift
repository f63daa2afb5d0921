import Kernels
import LinearAlgebra
import Testing

@Suite struct WeightGradientTests {
    /// Sizes with one band of rows and with several; the last has a band of one row.
    @Test(arguments: [(7, 37), (16, 64), (100, 50), (50, 1), (1, 50), (768, 100), (768, 768), (700, 1000), (81, 1024)])
    func value(outputs: Int, inputs: Int) {
        let (memory, dense) = (GuardedMemory(gap: 3), GuardedMemory())
        let offsets = [0, 5, 5, 6, 17, 24]
        let (d, x) = (Grid(24, outputs, seed: 1), Grid(24, inputs, seed: 2))
        let gradient = dense.matrix(outputs, inputs)
        weightGradient(
            dOutput: memory.matrix(d), input: memory.matrix(x), shardOffsets: offsets, into: gradient,
            scratch: GrowingBuffer())
        let right = Reference.transposedProduct(d, x)
        let distance = Grid(gradient).distance(to: right)
        #expect(distance < 2e-6 * right.largest, "\(distance) away")
        #expect(memory.isIntact && dense.isIntact)
    }

    /// The bits are those of each shard by itself, added up as the tree over the shards.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 13], [(50, 37), (384, 400), (768, 384)])
    func isTheTreeOfShards(shards: Int, size: (outputs: Int, inputs: Int)) {
        let memory = GuardedMemory()
        let offsets = (0...shards).map { $0 * ($0 + 5) / 2 }
        let d = memory.matrix(Grid(offsets[shards], size.outputs, seed: 1))
        let x = memory.matrix(Grid(offsets[shards], size.inputs, seed: 2))
        let (gradient, scratch) = (memory.matrix(size.outputs, size.inputs), GrowingBuffer())
        weightGradient(dOutput: d, input: x, shardOffsets: offsets, into: gradient, scratch: scratch)

        let count = size.outputs * size.inputs
        let single = memory.matrix(shards, count)
        for shard in 0..<shards {
            let range = offsets[shard]..<offsets[shard + 1]
            weightGradient(
                dOutput: d.rows(range), input: x.rows(range), shardOffsets: [0, range.count],
                into: single.row(shard).matrix(rows: size.outputs, columns: size.inputs), scratch: scratch)
        }
        let sum = memory.vector(count)
        treeSum(single, into: sum)
        let differing = zip(gradient.bits, sum.bits).count { $0 != $1 }
        #expect(differing == 0, "\(differing) of \(count) elements differ")
        #expect(memory.isIntact)
    }

    @Test func emptyShardsAddNothing() {
        let memory = GuardedMemory()
        let gradient = memory.matrix(3, 4)
        weightGradient(
            dOutput: memory.matrix(0, 3), input: memory.matrix(0, 4), shardOffsets: [0, 0, 0], into: gradient,
            scratch: GrowingBuffer())
        #expect(Grid(gradient).values == [Double](repeating: 0, count: 12))
    }
}
