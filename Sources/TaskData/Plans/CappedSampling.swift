/// Another strategy that takes no task for larger than its cap (Raffel et al., "Exploring the limits of transfer learning",
/// section 3.5.2, "examples-proportional mixing"). All of a capped task's examples are still seen, only more slowly.
public struct CappedSampling: SamplingStrategy {
    public let base: any SamplingStrategy
    /// By task; nil where it has none.
    public let caps: [Int?]

    public init(_ base: any SamplingStrategy, caps: [Int?]) {
        precondition(caps.allSatisfy { $0 ?? 1 >= 1 }, "a cap below 1")
        self.base = base
        self.caps = caps
    }

    public func cumulativeCounts(after slots: Int, taskSizes: [Int]) -> [Int] {
        base.cumulativeCounts(after: slots, taskSizes: zip(taskSizes, caps).map { min($0, $1 ?? $0) })
    }
}
