/// A task as the planner sees it.
public struct PlannedTask: Sendable {
    public let name: String
    public let weight: Double
    /// The rows of its training file that are drawn from; not empty.
    public let rows: RowSelection

    public init(name: String, weight: Double, rows: RowSelection) {
        self.name = name
        self.weight = weight
        self.rows = rows
    }

    public init(_ dataset: TaskDataset) {
        self.init(name: dataset.name, weight: dataset.weight, rows: dataset.trainingRows)
    }
}

/// Plans every step of a run: which examples go to which shard, and the loss weight of each task.
///
/// A plan is a pure function of what the planner is made from and the step. No state is kept or walked through, so
/// every rank computes the same plan by itself and resuming at any step costs the same.
public struct StepPlanner: Sendable {
    public let tasks: [PlannedTask]
    /// Examples of all tasks in a step.
    public let batchSize: Int
    public let shardCount: Int
    private let seed: UInt64
    private let sampling: any SamplingStrategy
    private let reduction: LossReduction
    private let taskSizes: [Int]

    /// - Throws: `StepPlanError` for no task, two of one name, one without rows or a batch of less than one example.
    public init(
        seed: UInt64, tasks: [PlannedTask], batchSize: Int, shardCount: Int,
        sampling: any SamplingStrategy = ProportionalSampling(), reduction: LossReduction = .taskMean
    ) throws {
        guard !tasks.isEmpty else { throw StepPlanError(message: "there is no task to train on") }
        guard batchSize >= 1 else {
            throw StepPlanError(message: "batch.size is \(batchSize); it must be 1 or more")
        }
        for (place, task) in tasks.enumerated() {
            guard task.rows.count > 0 else { throw StepPlanError(message: "task \"\(task.name)\" has no examples") }
            guard tasks.firstIndex(where: { $0.name == task.name }) == place else {
                throw StepPlanError(message: "two tasks are named \"\(task.name)\"")
            }
        }
        self.tasks = tasks
        self.batchSize = batchSize
        self.shardCount = try ShardLayout(shardCount: shardCount).shardCount
        self.seed = seed
        self.sampling = sampling
        self.reduction = reduction
        taskSizes = tasks.map(\.rows.count)
    }

    /// Steps in which as many examples are seen as all tasks have together, the last one begun included.
    public var stepsPerEpoch: Int {
        let examples = taskSizes.reduce(0, +)
        return examples / batchSize + (examples % batchSize == 0 ? 0 : 1)
    }

    /// ⌈epochs · examples of all tasks ÷ batch size⌉.
    public func stepCount(epochs: Double) -> Int {
        precondition(epochs >= 0 && epochs < 1e9, "\(epochs) epochs")
        return Int((epochs * Double(taskSizes.reduce(0, +)) / Double(batchSize)).rounded(.up))
    }

    /// How many examples of each task the first `steps` steps take, repeated ones counted again.
    public func examplesSeen(after steps: Int) -> [Int] {
        sampling.cumulativeCounts(after: steps * batchSize, taskSizes: taskSizes)
    }

    /// The plan of `step`, counted from 1.
    public func plan(step: Int) -> StepPlan {
        precondition(step >= 1, "steps are counted from 1")
        let before = sampling.cumulativeCounts(after: (step - 1) * batchSize, taskSizes: taskSizes)
        let after = sampling.cumulativeCounts(after: step * batchSize, taskSizes: taskSizes)
        let counts = zip(after, before).map { $0 - $1 }
        var shards = [[ExampleReference]](repeating: [], count: shardCount)
        // Tasks hand out what does not divide evenly around one ring of shards, so that no shard gets two more
        // examples than another; the ring starts elsewhere each step, so that no shard is always the larger one.
        var ringPlace = (step - 1) % shardCount
        for task in tasks.indices {
            let examples = self.examples(ofTask: task, positions: before[task]..<after[task])
            let (share, remainder) = counts[task].quotientAndRemainder(dividingBy: shardCount)
            var next = 0
            for shard in 0..<shardCount {
                let isOnArc = (shard - ringPlace + shardCount) % shardCount < remainder
                let end = next + share + (isOnArc ? 1 : 0)
                shards[shard] += examples[next..<end]
                next = end
            }
            ringPlace = (ringPlace + remainder) % shardCount
        }
        return StepPlan(step: step, shards: shards, taskCounts: counts, weights: weights(counts))
    }

    /// What stands at `positions` of the endless sequence of a task's examples: every epoch all of them once, in an
    /// order of its own.
    private func examples(ofTask task: Int, positions: Range<Int>) -> [ExampleReference] {
        let rows = tasks[task].rows
        var examples: [ExampleReference] = []
        examples.reserveCapacity(positions.count)
        var position = positions.lowerBound
        while position < positions.upperBound {
            let (epoch, first) = position.quotientAndRemainder(dividingBy: rows.count)
            let end = min(rows.count, first + positions.upperBound - position)
            let order = SeededPermutation(
                count: rows.count,
                key: [
                    SeededGenerator.digest(of: "order"), seed, SeededGenerator.digest(of: tasks[task].name),
                    UInt64(epoch),
                ])
            examples += (first..<end).map { ExampleReference(task: task, index: rows[order[$0]]) }
            position += end - first
        }
        return examples
    }

    private func weights(_ counts: [Int]) -> [Double] {
        zip(tasks, counts).map { task, count in
            guard count > 0 else { return 0 }
            switch reduction {
            case .taskMean: return task.weight
            case .exampleMean: return task.weight * Double(count) / Double(batchSize)
            }
        }
    }
}
