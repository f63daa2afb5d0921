/// Tasks are drawn in proportion to size^α, where α falls from 1 in the first epoch to 0.2 in the last: by size at first, more
/// evenly towards the end, so that small tasks are not interfered with at last (Stickland and Murray, "BERT and PALs", ICML
/// 2019, section 4.2: α = 1 − 0.8 · (e − 1) / (E − 1)).
///
/// A count costs operations in proportion to the epochs before it, not to the steps.
public struct AnnealedSampling: SamplingStrategy {
    /// E: all epochs of the run, the last one begun included.
    public let epochs: Int
    /// Examples drawn in an epoch.
    public let slotsPerEpoch: Int

    public init(epochs: Int, slotsPerEpoch: Int) {
        precondition(epochs >= 1 && slotsPerEpoch >= 1, "\(epochs) epochs of \(slotsPerEpoch) examples")
        self.epochs = epochs
        self.slotsPerEpoch = slotsPerEpoch
    }

    /// Epochs begin their counts anew, each with shares of its own. Behind the last one its α goes on.
    public func cumulativeCounts(after slots: Int, taskSizes: [Int]) -> [Int] {
        let whole = min(slots / slotsPerEpoch, epochs - 1)
        var counts = taskSizes.map { _ in 0 }
        for epoch in 0...whole {
            let own = epoch < whole ? slotsPerEpoch : slots - whole * slotsPerEpoch
            let shares = PowerShares(exponent: exponent(epoch: epoch)).shares(of: taskSizes)
            for (task, count) in Apportionment(shares: shares).counts(after: own).enumerated() { counts[task] += count }
        }
        return counts
    }

    /// α, for an epoch counted from 0.
    func exponent(epoch: Int) -> Double {
        epochs == 1 ? 1 : 1 - 0.8 * (Double(epoch) / Double(epochs - 1))
    }
}
