import TaskData
import Testing

@Suite struct ShardBalanceTests {
    /// A plan of so many tasks, and lengths as uneven as those of short texts.
    private static func plan(tasks: Int, batchSize: Int, shards: Int, step: Int) throws -> StepPlan {
        let tasks = (0..<tasks).map { PlannedTask(name: "t\($0)", weight: 1, rows: RowSelection(all: 100 + 300 * $0)) }
        return try StepPlanner(seed: 3, tasks: tasks, batchSize: batchSize, shardCount: shards).plan(step: step)
    }

    private static func length(_ example: ExampleReference) -> Int {
        var generator = SeededGenerator(key: [UInt64(example.task), UInt64(example.index)])
        let draws = (0..<3).map { _ in generator.next(below: 50) }
        return 3 + draws[0] * draws[1] * draws[2] / 900
    }

    private static func tokens(_ shards: some Sequence<[ExampleReference]>) -> Int {
        shards.joined().reduce(0) { $0 + length($1) }
    }

    @Test(arguments: [(1, 1), (1, 7), (2, 16), (8, 32), (14, 16), (14, 200)], [1, 2, 8, 12, 16])
    func onlyExamplesOfATaskChangePlaces(size: (tasks: Int, batch: Int), shards: Int) throws {
        for step in 1...10 {
            let plan = try Self.plan(tasks: size.tasks, batchSize: size.batch, shards: shards, step: step)
            let balanced = plan.balanced(by: Self.length)
            #expect(balanced.shards.map { $0.map(\.task) } == plan.shards.map { $0.map(\.task) })
            #expect(
                Self.sorted(balanced.shards.joined()) == Self.sorted(plan.shards.joined()), "other examples")
            #expect((balanced.step, balanced.taskCounts) == (plan.step, plan.taskCounts))
            #expect(balanced.weights == plan.weights)
            #expect(balanced.balanced(by: { _ in 1 }).shards.map(\.count) == plan.shards.map(\.count))
        }
    }

    private static func sorted(_ examples: some Sequence<ExampleReference>) -> [[Int]] {
        examples.map { [$0.task, $0.index] }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// By how much the fullest of the ranks has more than its share, on average over steps.
    @Test(arguments: [(8, 2, 32, 0.01), (8, 4, 64, 0.02), (8, 8, 128, 0.02), (12, 3, 48, 0.02), (16, 8, 256, 0.02)])
    func ranksHaveAsManyTokens(shards: Int, ranks: Int, batchSize: Int, limit: Double) throws {
        func excess(_ plan: StepPlan) throws -> Double {
            let layout = try ShardLayout(shardCount: shards)
            let loads = try (0..<ranks).map { Self.tokens(plan.shards[try layout.shards(ofRank: $0, of: ranks)]) }
            return Double(loads.max()! * ranks) / Double(Self.tokens(plan.shards)) - 1
        }
        let plans = try (1...30).map { try Self.plan(tasks: 3, batchSize: batchSize, shards: shards, step: $0) }
        let before = try plans.reduce(0) { try $0 + excess($1) } / 30
        let after = try plans.reduce(0) { try $0 + excess($1.balanced(by: Self.length)) } / 30
        #expect(after < limit && before > 0.1, "\(before) before, \(after) after")
    }

    /// A few thousand examples a step take no time to speak of.
    @Test func largeBatches() throws {
        let plan = try Self.plan(tasks: 14, batchSize: 8192, shards: 64, step: 1)
        let balanced = plan.balanced(by: Self.length)
        let loads = balanced.shards.map { Self.tokens([$0]) }
        #expect(loads.max()! - loads.min()! < Self.tokens(plan.shards) / 64 / 20)
    }
}
