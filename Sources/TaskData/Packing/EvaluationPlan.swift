/// Consecutive examples of one task that are evaluated together.
public struct EvaluationChunk: Sendable, Equatable {
    /// The chunk's place in the plan.
    public let number: Int
    public let task: Int
    /// Places among the usable rows of the task's file.
    public let positions: Range<Int>
}

/// Cuts evaluation files into chunks that do not depend on the number of ranks, and deals them out.
///
/// No example is in two chunks and none is padded in. With the same chunks everywhere, a chunk's sums have the same
/// bits whoever computes it.
public struct EvaluationPlan: Sendable {
    public let chunks: [EvaluationChunk]

    /// - Parameters:
    ///   - counts: usable rows of each task's file; 0 where a task has none.
    ///   - chunkSize: examples in a chunk; a task's last chunk may have fewer.
    public init(counts: [Int], chunkSize: Int = 32) {
        precondition(chunkSize > 0, "a chunk holds at least one example")
        var chunks: [EvaluationChunk] = []
        for (task, count) in counts.enumerated() {
            for first in stride(from: 0, to: count, by: chunkSize) {
                let positions = first..<min(first + chunkSize, count)
                chunks.append(EvaluationChunk(number: chunks.count, task: task, positions: positions))
            }
        }
        self.chunks = chunks
    }

    /// The chunks of one rank: every `rankCount`-th from `rank` on.
    public func chunks(ofRank rank: Int, of rankCount: Int) -> [EvaluationChunk] {
        precondition(rank >= 0 && rank < rankCount, "rank \(rank) of \(rankCount)")
        return stride(from: rank, to: chunks.count, by: rankCount).map { chunks[$0] }
    }
}

/// Gives one rank the packed chunks of an evaluation, tokenized ahead of use on another thread.
public final class EvaluationLoader: Sendable {
    private let prefetcher: Prefetcher<PackedShard>

    /// - Parameters:
    ///   - files: by task; nil where a task has none for the split, which then has no chunks either.
    ///   - maxLength: the most tokens of a sequence, special tokens included.
    ///   - chunks: the rank's own, of `EvaluationPlan.chunks(ofRank:of:)`.
    ///   - depth: the most chunks ready at a time.
    public init(
        files: [TaskFile?], encoder: any TextEncoder, maxLength: Int, chunks: [EvaluationChunk], depth: Int = 4
    ) {
        prefetcher = Prefetcher(depth: depth, name: "evaluation loader") {
            var packer = ExamplePacker(encoder: encoder, maxLength: maxLength)
            var remaining = chunks.makeIterator()
            return {
                guard let chunk = remaining.next() else { return nil }
                guard let file = files[chunk.task] else { fatalError("a chunk of a task without a file") }
                let examples = chunk.positions.map { ExampleReference(task: chunk.task, index: file.usableRows[$0]) }
                return packer.pack(examples, number: chunk.number) { _ in file }
            }
        }
    }

    /// The next chunk, waiting for it if need be; nil behind the last one and after `cancel()`.
    public func next() throws -> PackedShard? {
        try prefetcher.next()
    }

    /// Ends loading; so does letting go of the loader.
    public func cancel() {
        prefetcher.cancel()
    }
}
