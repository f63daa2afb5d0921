import Kernels
import LinearAlgebra
import Testing

@Suite struct AdversarialMovesTests {
    /// Sequences of 3, 1, 0 and 4 tokens; the second one has no gradient.
    @Test(arguments: [1, 15, 16, 33], [0, 3]) func stepsOfTheLengthAskedFor(columns: Int, gap: Int) {
        let memory = GuardedMemory(gap: gap)
        var slope = Grid(8, columns, seed: 1)
        for column in 0..<columns { slope[3, column] = 0 }
        let moves = memory.matrix(16, columns)
        adversarialMoves(memory.matrix(slope), sequenceOffsets: [0, 3, 4, 4, 8], norm: 0.2, into: moves)
        #expect(memory.isIntact)
        // Each sequence lies twice in the batch.
        for (tokens, first) in [(0..<3, 0), (3..<4, 6), (4..<8, 8)] {
            var squares = 0.0
            for token in tokens {
                for column in 0..<columns { squares += slope[token, column] * slope[token, column] }
            }
            for (row, token) in tokens.enumerated() {
                for column in 0..<columns {
                    #expect(moves[first + row, column] == 0)
                    let right: Double = squares == 0 ? 0 : 0.2 * slope[token, column] / squares.squareRoot()
                    let distance = Double(moves[first + tokens.count + row, column]) - right
                    #expect(abs(distance) < 1e-6)
                }
            }
        }
    }

    @Test func noTokens() {
        let memory = GuardedMemory()
        adversarialMoves(memory.matrix(0, 5), sequenceOffsets: [0], norm: 1, into: memory.matrix(0, 5))
        #expect(memory.isIntact)
    }
}
