import LinearAlgebra

/// For each sequence the step of a given length that raises its loss the fastest: r = ε · g / ‖g‖₂, with g the gradient of the
/// sequence's embeddings (Miyato, Dai and Goodfellow, "Adversarial training methods for semi-supervised text classification",
/// ICLR 2017, section 3; there for normalised embeddings).
///
/// A sequence whose gradient is zero is not moved.
///
/// - Parameters:
///   - slope: [tokens, hiddenSize], the gradient of the embeddings.
///   - sequenceOffsets: [sequences + 1], where each sequence begins.
///   - norm: ε, the length of a sequence's step.
///   - moves: [2 · tokens, hiddenSize], for a batch that has each sequence twice, one behind the other; overwritten by zeros for
///     the first and by the step for the second.
public func adversarialMoves(_ slope: MatrixView, sequenceOffsets: [Int], norm: Double, into moves: MatrixView) {
    require(
        moves.rows == 2 * slope.rows && moves.columns == slope.columns && sequenceOffsets.first == 0
            && sequenceOffsets.last == slope.rows, "moves of embeddings of unlike sizes")
    for (start, end) in zip(sequenceOffsets, sequenceOffsets.dropFirst()) {
        let squares = (start..<end).reduce(0) { $0 + sumOfSquares(slope.row($1)) }
        let factor = Lanes(repeating: squares > 0 ? Float(norm / squares.squareRoot()) : 0)
        for row in start..<end {
            moves.row(start + row).fill(0)
            let (source, target) = (slope.row(row).base, moves.row(end + row).base)
            forEachPiece(of: slope.columns) { offset, count in
                target.storePiece(source.piece(offset, count) * factor, offset, count)
            }
        }
    }
}
