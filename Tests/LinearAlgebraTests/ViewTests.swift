import LinearAlgebra
import Testing

@Suite struct ViewTests {
    @Test func partsOfAMatrix() {
        let memory = GuardedMemory(gap: 2)
        let matrix = memory.matrix(Grid(4, 6) { Double($0 * 10 + $1) })
        #expect(matrix.rows(1..<3)[1, 5] == 25)
        #expect(matrix.columns(2..<5)[3, 0] == 32)
        #expect(matrix.rows(1..<3).columns(2..<5).row(0).array == [12, 13, 14])
        #expect(matrix.row(3).slice(1..<3).array == [31, 32])
        #expect(matrix.rows(2..<3).flattened.array == matrix.row(2).array)
        #expect(matrix.rows(4..<4).rows == 0 && matrix.columns(6..<6).columns == 0)
        matrix.columns(2..<4).row(1).fill(-1)
        #expect(matrix.row(1).array == [10, 11, -1, -1, 14, 15])
        matrix[0, 5] = 7
        matrix.row(0)[0] = 8
        #expect(matrix.row(0).array == [8, 1, 2, 3, 4, 7])
        #expect(memory.isIntact)
    }

    @Test func vectorAsAMatrix() {
        let memory = GuardedMemory()
        let vector = memory.vector((0..<12).map(Double.init))
        let matrix = vector.matrix(rows: 3, columns: 4)
        #expect(matrix[2, 1] == 9)
        #expect(matrix.flattened.array == vector.array)
        #expect(vector.slice(4..<8).array == matrix.row(1).array)
    }

    /// Accesses outside of a view end the program in every build.
    @Test func outsideAccessesStop() async {
        await #expect(processExitsWith: .failure) { _ = FloatBuffer(count: 4).view[4] }
        await #expect(processExitsWith: .failure) { _ = FloatBuffer(count: 4).view[-1] }
        await #expect(processExitsWith: .failure) { _ = FloatBuffer(count: 4).view.slice(2..<5) }
        await #expect(processExitsWith: .failure) { _ = FloatBuffer(count: 4).view.matrix(rows: 2, columns: 3) }
        await #expect(processExitsWith: .failure) {
            _ = FloatBuffer(count: 4).view.matrix(rows: 2, columns: 2)[1, 2]
        }
        await #expect(processExitsWith: .failure) {
            _ = FloatBuffer(count: 4).view.matrix(rows: 2, columns: 2).rows(1..<3)
        }
        await #expect(processExitsWith: .failure) {
            _ = FloatBuffer(count: 6).view.matrix(rows: 2, columns: 3).columns(0..<2).flattened
        }
        await #expect(processExitsWith: .failure) {
            let buffer = FloatBuffer(count: 12)
            let matrix = buffer.view.matrix(rows: 3, columns: 4)
            multiply(matrix, matrix, into: matrix)
        }
    }

    @Test func buffersAreZeroedAndAligned() {
        for count in [0, 1, 17, 1000, 600_000] {
            let buffer = FloatBuffer(count: count)
            #expect(buffer.view.count == count)
            #expect(Int(bitPattern: buffer.view.base) % 64 == 0)
            #expect(buffer.view.array.allSatisfy { $0 == 0 })
        }
    }

    @Test func growingBufferKeepsItsMemory() {
        let buffer = GrowingBuffer()
        let first = buffer.vector(100)
        first.fill(3)
        #expect(buffer.vector(50).base == first.base)
        #expect(buffer.vector(100).array == [Float](repeating: 3, count: 100))
        #expect(buffer.matrix(rows: 7, columns: 30).rows == 7)
        #expect(buffer.vector(0).count == 0)
    }

    @Test(arguments: 0...16) func partialPieces(count: Int) {
        let memory = GuardedMemory()
        let (source, target) = (memory.vector((0..<count).map { Double($0 + 1) }), memory.vector(count))
        let piece = source.base.piece(0, count)
        for lane in 0..<16 { #expect(piece[lane] == (lane < count ? Float(lane + 1) : 0)) }
        target.base.storePiece(piece, 0, count)
        #expect(target.array == source.array)
        #expect(memory.isIntact)
    }

    @Test func piecesCoverEverythingOnce() {
        for count in 0...70 {
            var next = 0
            forEachPiece(of: count) { offset, length in
                #expect(offset == next && length > 0 && (length == 16 || offset + length == count))
                next = offset + length
            }
            #expect(next == count)
        }
    }

    @Test func reductionsOfLanes() {
        var random = TestRandom(seed: 1)
        for _ in 0..<100 {
            var lanes = Lanes(repeating: 0)
            for lane in 0..<16 { lanes[lane] = Float(random.normal()) }
            let values = (0..<16).map { lanes[$0] }
            #expect(abs(lanes.total - values.reduce(0, +)) < 1e-5)
            let level = Float(random.normal())
            for lane in 0..<16 {
                #expect(lanes.raised(to: Lanes(repeating: level))[lane] == max(values[lane], level))
                #expect(lanes.lowered(to: Lanes(repeating: level))[lane] == min(values[lane], level))
            }
        }
        #expect(Lanes(repeating: .nan).raised(to: Lanes(repeating: 1))[3].isNaN)
        #expect(Lanes(repeating: .nan).lowered(to: Lanes(repeating: 1))[3].isNaN)
    }
}
