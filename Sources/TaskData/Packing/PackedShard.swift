/// The tokens of some examples one after the other, without padding, and what is known of each sequence.
///
/// Positions are implied: a token's position is its distance from the beginning of its sequence.
public struct PackedShard: Sendable, Equatable {
    /// The canonical shard, or the chunk of an evaluation.
    public let number: Int
    /// [tokens]
    public fileprivate(set) var tokenIDs: [Int32] = []
    /// [sequences + 1]: sequence i is the tokens `sequenceOffsets[i]..<sequenceOffsets[i + 1]`.
    public fileprivate(set) var sequenceOffsets = [0]
    /// [sequences]: where segment 1 of each begins, counted from the sequence's own beginning; its length if nowhere.
    public fileprivate(set) var secondSegmentStarts: [Int] = []
    /// [sequences]: places in the run's list of tasks; a shard of a plan has them ascending.
    public fileprivate(set) var tasks: [Int] = []
    /// [sequences]: places in the task's `labelNames`.
    public fileprivate(set) var labels: [Int] = []
    /// [sequences]: rows of the file that each was read from.
    public fileprivate(set) var rows: [Int] = []

    public var sequenceCount: Int { tasks.count }
    public var tokenCount: Int { tokenIDs.count }

    fileprivate init(number: Int) {
        self.number = number
    }

    /// The shard without the sequences of other tasks; it keeps its number, and may be left empty.
    ///
    /// - Parameter task: of a shard of a plan, in which tasks stand ascending.
    public func only(task: Int) -> PackedShard {
        var part = PackedShard(number: number)
        part.append(task: task, of: self)
        return part
    }

    /// The shard without the sequences of some tasks, likewise.
    public func leavingOut(_ left: Set<Int>) -> PackedShard {
        var part = PackedShard(number: number)
        for task in Set(tasks).subtracting(left).sorted() { part.append(task: task, of: self) }
        return part
    }

    private mutating func append(task: Int, of other: PackedShard) {
        guard let first = other.tasks.firstIndex(of: task), let last = other.tasks.lastIndex(of: task) else { return }
        let range = first..<last + 1
        let start = other.sequenceOffsets[first]
        let shift = tokenIDs.count - start
        tokenIDs += other.tokenIDs[start..<other.sequenceOffsets[range.upperBound]]
        sequenceOffsets += other.sequenceOffsets[first + 1...range.upperBound].map { $0 + shift }
        secondSegmentStarts += other.secondSegmentStarts[range]
        tasks += other.tasks[range]
        labels += other.labels[range]
        rows += other.rows[range]
    }
}

/// Reads examples from their files and packs their tokens. One for each thread.
struct ExamplePacker {
    private let encoder: any TextEncoder
    private let maxLength: Int
    private var scratch: [UInt8] = []

    /// - Parameter maxLength: the most tokens of a sequence, special tokens included.
    init(encoder: any TextEncoder, maxLength: Int) {
        self.encoder = encoder
        self.maxLength = maxLength
    }

    /// Packs `examples` in their order.
    ///
    /// - Parameter file: the file of a task.
    mutating func pack(_ examples: [ExampleReference], number: Int, from file: (Int) -> TaskFile) -> PackedShard {
        var shard = PackedShard(number: number)
        var ids: [Int32] = []
        for example in examples {
            let file = file(example.task)
            var secondSegmentStart = 0
            file.withText(ofRow: example.index, scratch: &scratch) { [encoder, maxLength] first, second in
                encoder.encode(
                    first, pair: second, maxLength: maxLength, into: &ids, secondSegmentStart: &secondSegmentStart)
            }
            shard.tokenIDs += ids
            shard.sequenceOffsets.append(shard.tokenIDs.count)
            shard.secondSegmentStarts.append(secondSegmentStart)
            shard.tasks.append(example.task)
            shard.labels.append(file.label(ofRow: example.index))
            shard.rows.append(example.index)
        }
        return shard
    }
}

extension PackedShard {
    /// Shards of random tokens, for measurements.
    ///
    /// - Parameters:
    ///   - lengths: of the sequences; they belong to two tasks by turns.
    ///   - balance: what decides to which shard they are dealt: their order, or their lengths.
    public static func random(
        _ lengths: [Int], shardCount: Int, vocabularySize: Int, seed: UInt64, balance: ShardBalance = .none
    ) -> [PackedShard] {
        var generator = SeededGenerator(key: [seed])
        let inOrder = (0..<shardCount).map { number in
            (number * lengths.count / shardCount..<(number + 1) * lengths.count / shardCount).map {
                ExampleReference(task: $0 % 2, index: $0)
            }
        }
        var plan = StepPlan(
            step: 1, shards: inOrder, taskCounts: [(lengths.count + 1) / 2, lengths.count / 2], weights: [1, 1])
        if balance == .tokens { plan = plan.balanced { lengths[$0.index] } }
        return plan.shards.enumerated().map { number, examples in
            var shard = PackedShard(number: number)
            for index in examples.map(\.index) {
                for _ in 0..<lengths[index] {
                    shard.tokenIDs.append(Int32(generator.next(below: vocabularySize)))
                }
                shard.sequenceOffsets.append(shard.tokenIDs.count)
                shard.secondSegmentStarts.append(lengths[index])
                shard.tasks.append(index % 2)
                shard.labels.append(generator.next(below: 2))
                shard.rows.append(index)
            }
            return shard
        }
    }
}
