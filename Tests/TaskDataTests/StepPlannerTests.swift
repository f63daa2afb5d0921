import TaskData
import Testing

/// A run's planning configuration, drawn at random.
private struct Configuration {
    var generator: SeededGenerator
    let sizes: [Int]
    let batchSize: Int
    let shardCount: Int
    let seed: UInt64

    init(_ number: Int) {
        var generator = SeededGenerator(key: [UInt64(number)])
        let largest = [3, 40, 2_000][generator.next(below: 3)]
        sizes = (0...generator.next(below: 7)).map { _ in 1 + generator.next(below: largest) }
        batchSize = 1 + generator.next(below: 70)
        shardCount = [1, 2, 3, 8, 12, 16][generator.next(below: 6)]
        seed = generator.next()
        self.generator = generator
    }

    func planner() throws -> StepPlanner {
        try StepPlanner(
            seed: seed, tasks: sizes.enumerated().map { task("t\($0)", size: $1) }, batchSize: batchSize,
            shardCount: shardCount)
    }
}

private func task(_ name: String, weight: Double = 1, size: Int) -> PlannedTask {
    PlannedTask(name: name, weight: weight, rows: RowSelection(all: size))
}

@Suite struct StepPlannerTests {
    @Test(arguments: 0..<60) func everyExampleIsSeenOnceAnEpoch(number: Int) throws {
        let configuration = Configuration(number)
        let planner = try configuration.planner()
        let epochs = 3
        var seen = configuration.sizes.map { [Int](repeating: 0, count: $0) }
        var order = configuration.sizes.map { _ in [Int]() }
        for step in 1...planner.stepCount(epochs: Double(epochs)) {
            let plan = planner.plan(step: step)
            #expect(plan.shards.map(\.count).reduce(0, +) == configuration.batchSize)
            for task in configuration.sizes.indices {
                // Shards hold a task's examples in the order of the task.
                order[task] += plan.shards.flatMap { $0 }.filter { $0.task == task }.map(\.index)
            }
        }
        for (task, size) in configuration.sizes.enumerated() {
            #expect(order[task].count >= epochs * size)
            for epoch in 0..<epochs {
                let once = order[task][(epoch * size)..<((epoch + 1) * size)]
                #expect(once.sorted() == Array(0..<size))
                for index in once { seen[task][index] += 1 }
            }
        }
        #expect(seen.allSatisfy { $0.allSatisfy { $0 == epochs } })
    }

    @Test(arguments: 0..<60) func shardsAreStratifiedAndEven(number: Int) throws {
        var configuration = Configuration(number)
        let planner = try configuration.planner()
        for _ in 0..<20 {
            let step = 1 + configuration.generator.next(below: 1_000_000)
            let plan = planner.plan(step: step)
            #expect(plan.step == step)
            #expect(plan.shards.count == configuration.shardCount)
            let totals = plan.shards.map(\.count)
            #expect(totals.max()! - totals.min()! <= 1)
            for task in configuration.sizes.indices {
                let counts = plan.shards.map { $0.count { $0.task == task } }
                #expect(counts.max()! - counts.min()! <= 1)
                #expect(counts.reduce(0, +) == plan.taskCounts[task])
            }
            for shard in plan.shards {
                #expect(shard.map(\.task) == shard.map(\.task).sorted())
            }
        }
    }

    @Test(arguments: 0..<20) func aPlanDependsOnNothingButItsInputs(number: Int) throws {
        let configuration = Configuration(number)
        let planner = try configuration.planner()
        let forwards = (1...30).map { planner.plan(step: $0) }
        let backwards = try (1...30).reversed().map { try configuration.planner().plan(step: $0) }
        #expect(forwards == backwards.reversed())
    }

    @Test func theRemainderGoesToOtherShardsEveryStep() throws {
        let planner = try StepPlanner(seed: 1, tasks: [task("a", size: 100)], batchSize: 9, shardCount: 8)
        let larger = (1...16).map { planner.plan(step: $0).shards.firstIndex { $0.count == 2 } }
        #expect(larger == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7])
    }

    @Test func orderDependsOnSeedTaskAndEpoch() throws {
        func order(seed: UInt64, name: String, step: Int) throws -> [Int] {
            let planner = try StepPlanner(seed: seed, tasks: [task(name, size: 50)], batchSize: 50, shardCount: 1)
            return planner.plan(step: step).shards[0].map(\.index)
        }
        let first = try order(seed: 1, name: "a", step: 1)
        #expect(try first != order(seed: 2, name: "a", step: 1))
        #expect(try first != order(seed: 1, name: "b", step: 1))
        #expect(try first != order(seed: 1, name: "a", step: 2))
    }

    @Test func aTaskKeepsItsOrderWhateverStandsBesideIt() throws {
        let alone = try StepPlanner(seed: 3, tasks: [task("a", size: 40)], batchSize: 40, shardCount: 1)
        let both = try StepPlanner(
            seed: 3, tasks: [task("b", size: 40), task("a", size: 40)], batchSize: 80, shardCount: 1)
        let ofBoth = both.plan(step: 1).shards[0].filter { $0.task == 1 }.map(\.index)
        #expect(alone.plan(step: 1).shards[0].map(\.index) == ofBoth)
    }

    @Test func plansNameRowsOfTheFile() throws {
        let rows = RowSelection(rows: [3, 7, 1_000])
        let planner = try StepPlanner(
            seed: 1, tasks: [PlannedTask(name: "a", weight: 1, rows: rows)], batchSize: 3, shardCount: 1)
        #expect(planner.plan(step: 5).shards[0].map(\.index).sorted() == [3, 7, 1_000])
    }

    @Test func weightsFollowTheReduction() throws {
        let tasks = [task("a", weight: 2, size: 60), task("b", weight: 0.5, size: 20), task("c", size: 1)]
        func plan(_ reduction: LossReduction) throws -> StepPlan {
            try StepPlanner(seed: 1, tasks: tasks, batchSize: 4, shardCount: 2, reduction: reduction).plan(step: 1)
        }
        let means = try plan(.taskMean)
        #expect(means.taskCounts == [3, 1, 0])
        #expect(means.weights == [2, 0.5, 0])
        #expect(try plan(.exampleMean).weights == [1.5, 0.125, 0])
    }

    @Test func countsSteps() throws {
        let planner = try StepPlanner(
            seed: 1, tasks: [task("a", size: 60), task("b", size: 37)], batchSize: 32, shardCount: 8)
        #expect(planner.stepsPerEpoch == 4)
        #expect(planner.stepCount(epochs: 3) == 10)
        #expect(planner.stepCount(epochs: 32) == 97)
        #expect(planner.stepCount(epochs: 0.5) == 2)
    }

    @Test func printsJSON() throws {
        let plan = try StepPlanner(
            seed: 1, tasks: [task("a\"\n\\é", weight: 0.1, size: 1), task("b", size: 1)], batchSize: 2, shardCount: 3
        ).plan(step: 1)
        #expect(
            plan.json(taskNames: ["a\"\n\\é", "b"])
                == #"{"step":1,"shards":[[["a\"\u000a\\é",0]],[["b",0]],[]],"weights":{"a\"\u000a\\é":0.1,"b":1.0}}"#)
    }

    @Test func refusesWhatCannotBePlanned() throws {
        func message(_ tasks: [PlannedTask], batch: Int = 8, shards: Int = 8) -> String {
            do {
                _ = try StepPlanner(seed: 1, tasks: tasks, batchSize: batch, shardCount: shards)
                return "none"
            } catch {
                return "\(error)"
            }
        }
        #expect(message([]) == "there is no task to train on")
        #expect(message([task("a", size: 0)]) == "task \"a\" has no examples")
        #expect(message([task("a", size: 1), task("a", size: 1)]) == "two tasks are named \"a\"")
        #expect(message([task("a", size: 1)], batch: 0) == "batch.size is 0; it must be 1 or more")
        #expect(message([task("a", size: 1)], shards: 0) == "batch.shards is 0; it must be 1 or more")
    }
}
