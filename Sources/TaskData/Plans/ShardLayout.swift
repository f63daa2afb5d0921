/// The canonical shards of a step and which rank computes which.
///
/// The sum over shards is a balanced binary tree, so a rank must own whole subtrees: a number of ranks is valid where
/// every rank gets the same power of two of shards. One rank is always valid.
public struct ShardLayout: Sendable, Equatable {
    public let shardCount: Int

    /// - Throws: `StepPlanError` for fewer than one shard.
    public init(shardCount: Int) throws {
        guard shardCount >= 1 else {
            throw StepPlanError(message: "batch.shards is \(shardCount); it must be 1 or more")
        }
        self.shardCount = shardCount
    }

    /// The fewest shards, 8 or more, that `rankCount` ranks can share.
    ///
    /// - Throws: `StepPlanError` for fewer than one rank.
    public init(automaticFor rankCount: Int) throws {
        guard rankCount >= 1 else { throw StepPlanError(message: "\(rankCount) ranks; there must be 1 or more") }
        var shardCount = rankCount
        while shardCount < 8 { shardCount *= 2 }
        self.shardCount = rankCount == 1 ? 8 : shardCount
    }

    /// The numbers of ranks that can share the shards, ascending.
    public var validRankCounts: [Int] {
        var counts: Set<Int> = [1]
        var shardsPerRank = 1
        while shardCount % shardsPerRank == 0 {
            counts.insert(shardCount / shardsPerRank)
            shardsPerRank *= 2
        }
        return counts.sorted()
    }

    /// The shards that `rank` of `rankCount` computes.
    ///
    /// - Throws: `StepPlanError` with the valid numbers of ranks where `rankCount` is not one.
    public func shards(ofRank rank: Int, of rankCount: Int) throws -> Range<Int> {
        let valid = validRankCounts
        guard valid.contains(rankCount) else {
            let list = valid.map(String.init).joined(separator: ", ")
            throw StepPlanError(
                message: "\(rankCount) ranks cannot share \(shardCount) shards evenly; valid numbers of ranks are "
                    + "\(list), or set batch.shards to \(try ShardLayout(automaticFor: rankCount).shardCount)")
        }
        precondition(rank >= 0 && rank < rankCount, "rank \(rank) of \(rankCount)")
        let share = shardCount / rankCount
        return rank * share..<(rank + 1) * share
    }
}
