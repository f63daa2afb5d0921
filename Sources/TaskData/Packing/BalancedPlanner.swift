/// Plans the steps of a run whose shards are balanced: a planner with what it takes to tell the lengths of examples. One for each
/// thread.
public struct BalancedPlanner {
    private let planner: StepPlanner
    private let files: [TaskFile]
    private let balance: ShardBalance
    private var packer: ExamplePacker

    /// - Parameters:
    ///   - tasks: in the planner's order.
    ///   - maxLength: the most tokens of a sequence, special tokens included.
    public init(
        _ planner: StepPlanner, tasks: [TaskDataset], encoder: any TextEncoder, maxLength: Int, balance: ShardBalance
    ) {
        precondition(tasks.map(\.name) == planner.tasks.map(\.name), "the planner plans for other tasks")
        self.planner = planner
        self.balance = balance
        files = tasks.map(\.train)
        packer = ExamplePacker(encoder: encoder, maxLength: maxLength)
    }

    /// The plan of `step`, counted from 1. Where shards are balanced all of its texts are read and tokenized: every rank does that
    /// by itself, which costs less than to ask the others.
    public mutating func plan(step: Int) -> StepPlan {
        let plan = planner.plan(step: step)
        guard balance == .tokens else { return plan }
        var lengths: [ExampleReference: Int] = [:]
        for example in plan.shards.joined() {
            lengths[example] = packer.pack([example], number: 0) { [files] in files[$0] }.tokenCount
        }
        return plan.balanced { lengths[$0] ?? 0 }
    }

    /// Packs a shard of a plan.
    mutating func pack(_ shard: Int, of plan: StepPlan) -> PackedShard {
        packer.pack(plan.shards[shard], number: shard) { [files] in files[$0] }
    }
}
