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
        Apportionment(shares: shares(of: taskSizes)).counts(after: slots)
    }

    /// The powers, scaled so that the largest becomes 2^31.
    func shares(of taskSizes: [Int]) -> [Int] {
        guard temperature > 1 else { return taskSizes }
        let powers = taskSizes.map { Self.power(Double($0), 1 / temperature) }
        let scale = Double(1 << 31) / (powers.max() ?? 1)
        return powers.map { max(1, Int($0 * scale)) }
    }

    /// `base` to an `exponent` from 0 to 1, by square roots for the exponent's binary digits: only operations that
    /// IEEE 754 rounds exactly, since the last bits of `pow` differ between libraries and processors.
    static func power(_ base: Double, _ exponent: Double) -> Double {
        var result = exponent >= 1 ? base : 1
        var root = base
        var rest = exponent >= 1 ? 0 : exponent
        while rest > 0 && root > 1 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                result *= root
                rest -= 1
            }
        }
        return result
    }
}
