import LinearAlgebra
import Testing

@Suite struct MemoryArenaTests {
    /// Buffers lie in the arena, apart from each other, as long as there is room, and have memory of their own behind that.
    @Test func buffersShareAnArena() {
        let memory = FloatBuffer(count: 1000)
        let arena = MemoryArena(memory.view)
        arena.growth = 1.5
        let places = memory.view.base..<memory.view.base + 1000
        let buffers = (0..<4).map { _ in GrowingBuffer(in: arena) }
        let views = zip(buffers, [100, 33, 600, 300]).map { $0.vector($1) }
        #expect(views.map(\.count) == [100, 33, 600, 300])
        #expect(views.map { places.contains($0.base) } == [true, true, true, false])
        for (index, view) in views.enumerated() { view.fill(Float(index)) }
        for (index, view) in views.enumerated() { #expect(view.array.allSatisfy { $0 == Float(index) }) }
        #expect(buffers[0].vector(150).base == views[0].base, "room for half as much again was taken")
        #expect(!places.contains(buffers[0].vector(300).base))
        #expect(buffers[0].vector(100).base == views[0].base, "its place in the arena is lost")
        #expect(arena.refusals == 2)
    }

    /// A batch that is too large takes nothing from those that the arena is for.
    @Test func noPieceForLargerBatches() {
        let memory = FloatBuffer(count: 1000)
        let arena = MemoryArena(memory.view)
        let buffer = GrowingBuffer(in: arena)
        arena.growth = 0.99
        #expect(buffer.vector(100).base != memory.view.base)
        arena.growth = 1
        #expect(buffer.vector(90).base == memory.view.base)
        #expect(arena.refusals == 0)
    }

    @Test func blocksCoverAMatrixOnce() {
        for (rows, columns, height, width) in [(7, 9, 3, 4), (6, 8, 3, 4), (2, 2, 5, 5), (1, 10, 1, 3)] {
            let grid = BlockGrid(rows: rows, columns: columns, height: height, width: width)
            var counts = [Int](repeating: 0, count: rows * columns)
            for block in 0..<grid.count {
                let (own, across) = grid.ranges(block)
                for row in own { for column in across { counts[row * columns + column] += 1 } }
            }
            #expect(counts.allSatisfy { $0 == 1 })
        }
        #expect(BlockGrid(rows: 0, columns: 5, height: 2, width: 2).count == 0)
    }
}
