/// What decides which of a step's examples lie together in a shard.
public enum ShardBalance: String, Sendable, CaseIterable {
    /// The order of the examples alone.
    case none
    /// Their lengths: all ranks and threads get about as many tokens, and wait little for each other.
    case tokens
}

extension StepPlan {
    /// The plan with the same examples in other shards, so that all have about as many tokens.
    ///
    /// Every shard keeps its number of examples of each task. The shards are cut in two again and again, as ranks and threads
    /// divide them (`ShardLayout`), and the upper cuts come out the evenest: what a rank has counts for more than how its own
    /// shards compare.
    ///
    /// - Parameter length: of an example, in tokens.
    public func balanced(by length: (ExampleReference) -> Int) -> StepPlan {
        let taskCounts = taskCounts
        let quotas = shards.map { shard in
            shard.reduce(into: [Int](repeating: 0, count: taskCounts.count)) { $0[$1.task] += 1 }
        }
        var balanced = [[ExampleReference]](repeating: [], count: shards.count)
        func deal(_ examples: [WeighedExample], to range: Range<Int>) {
            if range.count == 1 {
                let inOrder = examples.sorted { ($0.example.task, $0.place) < ($1.example.task, $1.place) }
                balanced[range.lowerBound] = inOrder.map(\.example)
                return
            }
            // The largest power of two that divides the shards is what the ranks' shares of them are made of.
            let part = range.count & -range.count
            let middle = range.lowerBound + (part == range.count ? part / 2 : part)
            let room = quotas[range.lowerBound..<middle].reduce([Int](repeating: 0, count: taskCounts.count)) {
                zip($0, $1).map { $0 + $1 }
            }
            var cut = Cut(shares: (middle - range.lowerBound, range.upperBound - middle))
            cut.deal(examples, roomOnTheLeft: room)
            cut.exchange()
            deal(cut.left, to: range.lowerBound..<middle)
            deal(cut.right, to: middle..<range.upperBound)
        }
        let examples = shards.joined().enumerated().map {
            WeighedExample(example: $1, place: $0, length: length($1))
        }
        if !shards.isEmpty { deal(examples, to: 0..<shards.count) }
        return StepPlan(step: step, shards: balanced, taskCounts: taskCounts, weights: weights)
    }
}

private struct WeighedExample {
    let example: ExampleReference
    /// In the plan.
    let place: Int
    let length: Int
}

/// Examples on two sides.
private struct Cut {
    /// Shards on the left and on the right.
    let shares: (left: Int, right: Int)
    private(set) var left: [WeighedExample] = []
    private(set) var right: [WeighedExample] = []
    private var tokens = (left: 0, right: 0)

    init(shares: (left: Int, right: Int)) { self.shares = shares }

    /// How many tokens the left side has too many, in tokens times shards; below zero where it has too few.
    private var surplus: Int { tokens.left * shares.right - tokens.right * shares.left }

    /// The longest first, each to the side that has less for its share and room for its task.
    mutating func deal(_ examples: [WeighedExample], roomOnTheLeft: [Int]) {
        var leftRoom = roomOnTheLeft
        var rightRoom = leftRoom.map { -$0 }
        for one in examples { rightRoom[one.example.task] += 1 }
        for one in examples.sorted(by: { ($1.length, $0.place) < ($0.length, $1.place) }) {
            let task = one.example.task
            if leftRoom[task] > 0, rightRoom[task] == 0 || surplus <= 0 {
                leftRoom[task] -= 1
                tokens.left += one.length
                left.append(one)
            } else {
                rightRoom[task] -= 1
                tokens.right += one.length
                right.append(one)
            }
        }
    }

    /// Lets two examples of one task change sides as long as that evens the sides out by a noticeable amount, the best two first.
    mutating func exchange() {
        let all = (tokens.left + tokens.right) * min(shares.left, shares.right)
        while abs(surplus) * 200 > all, let (own, other) = bestExchange() {
            let difference = left[own].length - right[other].length
            (left[own], right[other]) = (right[other], left[own])
            tokens.left -= difference
            tokens.right += difference
        }
    }

    private func bestExchange() -> (Int, Int)? {
        let shards = shares.left + shares.right
        var best: (surplus: Int, own: Int, other: Int)?
        for own in left.indices {
            for other in right.indices where left[own].example.task == right[other].example.task {
                let remaining = abs(surplus - (left[own].length - right[other].length) * shards)
                if remaining < best?.surplus ?? abs(surplus) { best = (remaining, own, other) }
            }
        }
        return best.map { ($0.own, $0.other) }
    }
}
