import TaskData
import Testing

/// Every byte is a token; 1 begins a text, 2 ends a segment.
struct ByteEncoder: TextEncoder {
    func encode(
        _ first: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>?, maxLength: Int, into ids: inout [Int32],
        secondSegmentStart: inout Int
    ) {
        ids = Array(([1] + first.map(Int32.init) + [2]).prefix(maxLength))
        secondSegmentStart = ids.count
        if let pair {
            ids = Array((ids + pair.map(Int32.init) + [2]).prefix(maxLength))
        }
    }
}

private func dataset(_ name: String, rows: Int, paired: Bool = false, limit: Int? = nil) throws -> TaskDataset {
    let lines = (0..<rows).map { "\(name)\($0)\tp\($0)\t\($0 % 3)" }
    let contents = Array(("text\tsecond\tlabel\n" + lines.joined(separator: "\n")).utf8)
    let columns = TaskColumns(text: paired ? ["text", "second"] : ["text"])
    let source = TaskSource.contents(contents, format: .tsv, name: name)
    return try TaskDataset(
        TaskDescription(name: name, train: source, dev: source, columns: columns, limit: limit), seed: 1)
}

/// The text that `ByteEncoder` made each sequence from.
private func texts(_ shard: PackedShard) -> [String] {
    (0..<shard.sequenceCount).map { sequence in
        let range = shard.sequenceOffsets[sequence]..<shard.sequenceOffsets[sequence + 1]
        return String(decoding: shard.tokenIDs[range].map(UInt8.init), as: UTF8.self)
    }
}

@Suite struct ShardLoaderTests {
    private func planner(_ tasks: [TaskDataset]) throws -> StepPlanner {
        try StepPlanner(seed: 5, tasks: tasks.map(PlannedTask.init), batchSize: 13, shardCount: 4)
    }

    /// The parts of a shard by task make the shard, and a task that it does not have leaves an empty one.
    @Test func aShardComesApartByTask() throws {
        let tasks = try [dataset("a", rows: 50, paired: true), dataset("b", rows: 20)]
        let loader = ShardLoader(
            tasks: tasks, planner: try planner(tasks), encoder: ByteEncoder(), maxLength: 32, shards: 0..<4,
            steps: 1...8)
        while let loaded = try loader.next() {
            for shard in loaded.shards {
                let parts = (0..<3).map { shard.only(task: $0) }
                #expect(parts.allSatisfy { $0.number == shard.number && $0.sequenceOffsets.first == 0 })
                #expect(parts.flatMap(texts) == texts(shard))
                #expect(parts.flatMap(\.tokenIDs) == shard.tokenIDs)
                #expect(parts.flatMap(\.tasks) == shard.tasks && parts.flatMap(\.rows) == shard.rows)
                #expect(parts.flatMap(\.labels) == shard.labels)
                #expect(parts.flatMap(\.secondSegmentStarts) == shard.secondSegmentStarts)
                #expect(parts[2].sequenceCount == 0 && parts[2].sequenceOffsets == [0])
            }
        }
    }

    @Test func packsWhatThePlanNames() throws {
        let tasks = try [dataset("a", rows: 50, paired: true), dataset("b", rows: 20, limit: 7)]
        let planner = try planner(tasks)
        let loader = ShardLoader(
            tasks: tasks, planner: planner, encoder: ByteEncoder(), maxLength: 32, shards: 1..<3, steps: 4...20)
        for step in 4...20 {
            let loaded = try #require(try loader.next())
            #expect(loaded.plan == planner.plan(step: step))
            #expect(loaded.shards.map(\.number) == [1, 2])
            for shard in loaded.shards {
                let examples = loaded.plan.shards[shard.number]
                #expect(shard.tasks == examples.map(\.task))
                #expect(shard.rows == examples.map(\.index))
                #expect(shard.labels == examples.map { $0.index % 3 })
                let expected = examples.map { example in
                    example.task == 0
                        ? "\u{1}a\(example.index)\u{2}p\(example.index)\u{2}" : "\u{1}b\(example.index)\u{2}"
                }
                #expect(texts(shard) == expected)
                #expect(shard.tokenCount == expected.map(\.utf8.count).reduce(0, +))
                #expect(shard.secondSegmentStarts == examples.map { "\u{1}a\($0.index)\u{2}".utf8.count })
            }
        }
        #expect(try loader.next() == nil)
        #expect(try loader.next() == nil)
    }

    /// Ranks that load different shards balance the same way, and what they load is what the plan says.
    @Test func balancesByTokens() throws {
        let tasks = try [dataset("a", rows: 1000, paired: true), dataset("b", rows: 200)]
        let planner = try planner(tasks)
        let loaders = [0..<2, 2..<4].map { shards in
            ShardLoader(
                tasks: tasks, planner: planner, encoder: ByteEncoder(), maxLength: 32, balance: .tokens,
                shards: shards, steps: 1...20)
        }
        /// The beginning, the end of each segment, and in each a letter before the number.
        func length(_ example: ExampleReference) -> Int {
            let segment = 1 + String(example.index).count
            return example.task == 0 ? 3 + 2 * segment : 2 + segment
        }
        for step in 1...20 {
            let loaded = try loaders.map { try #require(try $0.next()) }
            #expect(loaded[0].plan == loaded[1].plan)
            let plain = planner.plan(step: step)
            #expect(loaded[0].plan == plain.balanced(by: length))
            for (own, right) in zip(loaded[0].plan.shards, plain.shards) {
                #expect(own.map(\.task) == right.map(\.task), "step \(step)")
            }
            let shards = loaded.flatMap(\.shards)
            #expect(shards.map(\.rows) == loaded[0].plan.shards.map { $0.map(\.index) })
            #expect(shards.map(\.tasks) == loaded[0].plan.shards.map { $0.map(\.task) })
        }
    }

    @Test func keepsToTheLengthLimit() throws {
        let tasks = try [dataset("a", rows: 50)]
        let loader = ShardLoader(
            tasks: tasks, planner: try planner(tasks), encoder: ByteEncoder(), maxLength: 3, shards: 0..<4, steps: 1...1
        )
        let shards = try #require(try loader.next()).shards
        #expect(shards.allSatisfy { $0.tokenCount == 3 * $0.sequenceCount })
    }

    @Test func endsWhenCancelledOrLetGo() throws {
        let tasks = try [dataset("a", rows: 50)]
        let planner = try planner(tasks)
        func loader() -> ShardLoader {
            ShardLoader(
                tasks: tasks, planner: planner, encoder: ByteEncoder(), maxLength: 8, shards: 0..<4,
                steps: 1...1_000_000_000, depth: 2)
        }
        for _ in 0..<50 { _ = try loader().next() }
        let cancelled = loader()
        #expect(try cancelled.next()?.plan.step == 1)
        cancelled.cancel()
        #expect(try cancelled.next() == nil)
    }
}

@Suite struct PrefetcherTests {
    private struct Broken: Error {}

    @Test func throwsAfterTheElementsMadeBefore() throws {
        let prefetcher = Prefetcher<Int>(depth: 2, name: "test") {
            var count = 0
            return {
                count += 1
                guard count <= 5 else { throw Broken() }
                return count
            }
        }
        for expected in 1...5 { #expect(try prefetcher.next() == expected) }
        #expect(throws: Broken.self) { try prefetcher.next() }
        #expect(throws: Broken.self) { try prefetcher.next() }
    }
}

@Suite struct EvaluationTests {
    @Test(arguments: [1, 2, 3, 8, 50]) func everyExampleIsInOneChunkOfOneRank(ranks: Int) {
        let counts = [70, 0, 32, 1]
        let plan = EvaluationPlan(counts: counts)
        #expect(plan.chunks.map(\.positions.count) == [32, 32, 6, 32, 1])
        #expect(plan.chunks.map(\.number) == Array(0..<5))
        let dealt = (0..<ranks).flatMap { plan.chunks(ofRank: $0, of: ranks) }.sorted { $0.number < $1.number }
        #expect(dealt == plan.chunks)
        for (task, count) in counts.enumerated() {
            let positions = dealt.filter { $0.task == task }.flatMap { Array($0.positions) }
            #expect(positions == Array(0..<count))
        }
    }

    @Test func packsChunksOfUsableRows() throws {
        let contents = Array("text\tlabel\nx\ta\n\ny\tb\nz\ta\n".utf8)
        let file = try TaskFile(name: "rows", contents: contents, format: .tsv, onBadRow: .skip)
        let plan = EvaluationPlan(counts: [0, file.usableRows.count], chunkSize: 2)
        let loader = EvaluationLoader(
            files: [nil, file], encoder: ByteEncoder(), maxLength: 9, chunks: plan.chunks(ofRank: 0, of: 1))
        let first = try #require(try loader.next())
        #expect(first.rows == [0, 2] && first.tasks == [1, 1] && first.labels == [0, 1])
        #expect(texts(first) == ["\u{1}x\u{2}", "\u{1}y\u{2}"])
        let second = try #require(try loader.next())
        #expect(second.rows == [3] && second.number == 1)
        #expect(try loader.next() == nil)
    }
}
