import LinearAlgebra

/// The rows for which a layer computes all but keys and values.
///
/// The heads read the first token of each sequence (Devlin et al. 2019, section 3), so that the last layer owes them no other
/// row: its queries, its context and its feed-forward block are computed for as many rows as there are sequences, with the
/// same loss and gradients.
enum LayerRows: Sendable {
    case tokens
    case firstTokens

    func count(_ batch: PackedBatch) -> Int { self == .tokens ? batch.tokenCount : batch.sequenceCount }

    /// [shards + 1], where each shard's rows begin.
    func shardOffsets(_ batch: PackedBatch) -> [Int] { self == .tokens ? batch.shardOffsets : batch.shardSequences }

    func callAsFunction(_ shard: PackedBatch.Shard) -> Range<Int> { self == .tokens ? shard.tokens : shard.sequences }
}

extension PackedBatch {
    /// Copies each sequence's first row of [tokens, columns] to [sequences, columns].
    func gatherFirstRows(_ all: MatrixView, into first: MatrixView) {
        for sequence in 0..<sequenceCount { first.row(sequence).copy(from: all.row(sequenceOffsets[sequence])) }
    }

    /// Copies [sequences, columns] to each sequence's first row of [tokens, columns]; zeros go to the others.
    func scatterFirstRows(_ first: MatrixView, into all: MatrixView) {
        all.flattened.fill(0)
        for sequence in 0..<sequenceCount { all.row(sequenceOffsets[sequence]).copy(from: first.row(sequence)) }
    }
}
