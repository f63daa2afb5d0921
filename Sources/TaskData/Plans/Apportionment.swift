/// Shares out a sequence of slots among tasks so that every beginning of it is as proportional as whole slots allow.
///
/// Example j of task k stands at the time (2j + 1) / (2·share[k]); slots are taken in order of time, of equal times
/// first the earlier task's. (The highest-averages method with the divisors of Sainte-Laguë.) So counts never fall as
/// slots are added, they always sum to the slots, and after Σ share slots task k has exactly share[k].
public struct Apportionment: Sendable {
    private let shares: [Int128]
    private let total: Int128

    /// Largest share allowed; products of a share, a slot count and 2 stay inside 128 bits.
    public static let largestShare = 1 << 48

    /// - Parameter shares: of each task; whole numbers from 0 to `largestShare`, not all 0.
    public init(shares: [Int]) {
        precondition(shares.allSatisfy { (0...Self.largestShare).contains($0) }, "a share is out of range")
        self.shares = shares.map { Int128($0) }
        total = self.shares.reduce(0, +)
        precondition(total > 0, "no task has a share")
    }

    /// How many of the first `slots` slots belong to each task.
    public func counts(after slots: Int) -> [Int] {
        precondition(slots >= 0, "a count of slots cannot be negative")
        // All slots up to the time slots / total: off from what is wanted by less than the number of tasks, and the
        // rest is settled one slot at a time.
        var counts = shares.map { (2 * $0 * Int128(slots) + total) / (2 * total) }
        var surplus = counts.reduce(0, +) - Int128(slots)
        while surplus > 0 {
            counts[latestTask(counts)] -= 1
            surplus -= 1
        }
        while surplus < 0 {
            counts[nextTask(counts)] += 1
            surplus += 1
        }
        return counts.map { Int($0) }
    }

    /// The task whose next slot comes first.
    private func nextTask(_ counts: [Int128]) -> Int {
        var best: Int?
        for task in shares.indices where shares[task] > 0 {
            guard let current = best else {
                best = task
                continue
            }
            if (2 * counts[task] + 1) * shares[current] < (2 * counts[current] + 1) * shares[task] { best = task }
        }
        return best ?? 0
    }

    /// The task whose last slot came last.
    private func latestTask(_ counts: [Int128]) -> Int {
        var best: Int?
        for task in shares.indices where counts[task] > 0 {
            guard let current = best else {
                best = task
                continue
            }
            if (2 * counts[task] - 1) * shares[current] >= (2 * counts[current] - 1) * shares[task] { best = task }
        }
        return best ?? 0
    }
}
