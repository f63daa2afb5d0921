/// Every example of every task once an epoch: tasks are drawn in proportion to their sizes.
public struct ProportionalSampling: SamplingStrategy {
    public init() {}

    public func cumulativeCounts(after slots: Int, taskSizes: [Int]) -> [Int] {
        Apportionment(shares: taskSizes).counts(after: slots)
    }
}
