/// A step's plan with the packed shards of one rank.
public struct LoadedStep: Sendable {
    public let plan: StepPlan
    /// The rank's own shards, ascending.
    public let shards: [PackedShard]
}

/// Gives one rank the packed shards of step after step, tokenized ahead of use on another thread.
///
/// Only texts of the rank's own shards are read and tokenized, but where shards are balanced.
public final class ShardLoader: Sendable {
    private let prefetcher: Prefetcher<LoadedStep>

    /// - Parameters:
    ///   - tasks: in the planner's order.
    ///   - maxLength: the most tokens of a sequence, special tokens included.
    ///   - shards: the rank's own, of `ShardLayout.shards(ofRank:of:)`.
    ///   - steps: the steps to load; a resumed run begins behind the one that it resumes from.
    ///   - depth: the most steps ready at a time.
    public init(
        tasks: [TaskDataset], planner: StepPlanner, encoder: any TextEncoder, maxLength: Int,
        balance: ShardBalance = .none, shards: Range<Int>, steps: ClosedRange<Int>, depth: Int = 3
    ) {
        precondition(shards.upperBound <= planner.shardCount, "shards beyond those of the plan")
        prefetcher = Prefetcher(depth: depth, name: "shard loader") {
            var planner = BalancedPlanner(
                planner, tasks: tasks, encoder: encoder, maxLength: maxLength, balance: balance)
            var remaining = steps.makeIterator()
            return {
                guard let step = remaining.next() else { return nil }
                let plan = planner.plan(step: step)
                return LoadedStep(plan: plan, shards: shards.map { planner.pack($0, of: plan) })
            }
        }
    }

    /// The next step, waiting for it if need be; nil behind the last one and after `cancel()`.
    public func next() throws -> LoadedStep? {
        try prefetcher.next()
    }

    /// Ends loading; so does letting go of the loader.
    public func cancel() {
        prefetcher.cancel()
    }
}

extension LoadedStep {
    /// The step without the examples of some tasks.
    public func leavingOut(_ tasks: Set<Int>) -> LoadedStep {
        if tasks.isEmpty { return self }
        return LoadedStep(plan: plan.leavingOut(tasks), shards: shards.map { $0.leavingOut(tasks) })
    }
}
