/// Tasks are drawn in proportion to size^(1/τ): τ = 1 is proportional, and the larger τ, the more alike the tasks
/// (Devlin's multilingual BERT and Raffel et al., "Exploring the limits of transfer learning", section 3.5.2).
public struct TemperatureSampling: SamplingStrategy {
    public let temperature: Double

    /// - Throws: `StepPlanError` for a temperature below 1.
    public init(temperature: Double) throws {
        guard temperature.isFinite, temperature >= 1 else {
            throw StepPlanError(message: "the sampling temperature is \(temperature); it must be 1 or more")
        }
        self.temperature = temperature
    }

    public func cumulativeCounts(after slots: Int, taskSizes: [Int]) -> [Int] {
        Apportionment(shares: PowerShares(exponent: 1 / temperature).shares(of: taskSizes)).counts(after: slots)
    }
}
