import Kernels
import LinearAlgebra

/// Sequences of one or several canonical shards laid end to end: tokens are the rows of one matrix, and no padding exists.
public struct PackedBatch: Sendable {
    /// One sequence: its tokens, where its second segment starts, and what it is an example of.
    public struct Sequence: Sendable {
        public let ids: ArraySlice<Int32>
        /// Tokens from here on are of type 1; the length where there is no second segment.
        public let secondSegmentStart: Int
        public let task: Int
        /// The index of the label, or what `LabelCode` makes of other kinds of answers; unused where only predictions are wanted.
        public let label: Int

        public init(ids: ArraySlice<Int32>, secondSegmentStart: Int, task: Int, label: Int) {
            self.ids = ids
            self.secondSegmentStart = secondSegmentStart
            self.task = task
            self.label = label
        }
    }

    /// The number of each shard, which keys its dropout.
    package let shardNumbers: [Int]
    /// [shards + 1], in tokens.
    package let shardOffsets: [Int]
    /// [shards + 1], in sequences.
    package let shardSequences: [Int]
    /// [sequences + 1], in tokens.
    package let sequenceOffsets: [Int]
    package let rows: EmbeddingRows
    package let tasks: [Int]
    package let labels: [Int]

    public var tokenCount: Int { rows.words.count }
    public var sequenceCount: Int { tasks.count }
    var shardCount: Int { shardNumbers.count }

    /// - Parameter shards: the number of each canonical shard and its sequences, in ascending order.
    public init(shards: [(number: Int, sequences: [Sequence])]) {
        var (words, positions, types): ([Int32], [Int32], [Int32]) = ([], [], [])
        var (tokens, sequences, shardTokens, shardSequences) = ([0], [Sequence](), [0], [0])
        for shard in shards {
            for sequence in shard.sequences {
                words += sequence.ids
                for place in 0..<sequence.ids.count {
                    positions.append(Int32(place))
                    types.append(place >= sequence.secondSegmentStart ? 1 : 0)
                }
                tokens.append(words.count)
                sequences.append(sequence)
            }
            shardTokens.append(words.count)
            shardSequences.append(sequences.count)
        }
        shardNumbers = shards.map(\.number)
        shardOffsets = shardTokens
        self.shardSequences = shardSequences
        sequenceOffsets = tokens
        rows = EmbeddingRows(words: words, positions: positions, tokenTypes: types)
        tasks = sequences.map(\.task)
        labels = sequences.map(\.label)
    }

    /// The batch with each sequence twice, one behind the other.
    func doubled() -> PackedBatch {
        PackedBatch(
            shards: shards.map { shard in
                let sequences = shard.sequences.flatMap { index in
                    let tokens = sequenceOffsets[index]..<sequenceOffsets[index + 1]
                    let sequence = Sequence(
                        ids: rows.words[tokens],
                        secondSegmentStart: rows.tokenTypes[tokens].firstIndex(of: 1).map { $0 - tokens.lowerBound }
                            ?? tokens.count,
                        task: tasks[index], label: labels[index])
                    return [sequence, sequence]
                }
                return (shard.number, sequences)
            })
    }

    /// One shard's place in the batch.
    package struct Shard {
        let index: Int
        package let number: Int
        let tokens: Range<Int>
        package let sequences: Range<Int>
    }

    package var shards: [Shard] {
        shardNumbers.indices.map {
            Shard(
                index: $0, number: shardNumbers[$0], tokens: shardOffsets[$0]..<shardOffsets[$0 + 1],
                sequences: shardSequences[$0]..<shardSequences[$0 + 1])
        }
    }

    /// The token boundaries of a shard's sequences, the last one included.
    func boundaries(_ shard: Shard) -> ArraySlice<Int> {
        sequenceOffsets[shard.sequences.lowerBound...shard.sequences.upperBound]
    }
}
