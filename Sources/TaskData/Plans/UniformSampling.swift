/// Every task as often as every other, whatever its size: a small task's examples come again sooner.
public struct UniformSampling: SamplingStrategy {
    public init() {}

    public func cumulativeCounts(after slots: Int, taskSizes: [Int]) -> [Int] {
        Apportionment(shares: taskSizes.map { _ in 1 }).counts(after: slots)
    }
}
