import Foundation

/// `uncertainty`: each loss by the task's own learned noise (Kendall, Gal and Cipolla 2018, "Multi-task learning using
/// uncertainty to weigh losses", equation 10 for classification).
///
/// The total loss is Σ exp(−s) · L + s ÷ 2 with s = ln σ² of each task, learned as the paper has it for stability. Its gradient
/// with respect to s is ½ − exp(−s) · L; Adam follows it with `weighting.rate`. A task whose loss is large and stays large gets
/// a small weight; where s has come to rest, the weight is 1 ÷ 2 L.
public struct UncertaintyWeighting: LossWeighting {
    public static let name = "uncertainty"
    /// s of each task.
    private var logVariances: ScalarAdam
    private let rate: Double

    public init(_ settings: TaskWeightingSettings) {
        logVariances = ScalarAdam(count: settings.taskCount, startingAt: 0)
        rate = settings.rate
    }

    public var state: [Double] {
        get { logVariances.state }
        set { logVariances.state = newValue }
    }

    public func accepts(_ state: [Double]) -> Bool { logVariances.accepts(state) }

    public func factors(isPresent: [Bool], ahead: [Double?]) -> [Double] { logVariances.values.map { exp(-$0) } }

    public mutating func update(losses: [Double?], behind: [Double?]) {
        let slopes = zip(losses, logVariances.values).map { loss, value in loss.map { 0.5 - exp(-value) * $0 } }
        logVariances.update(slopes, rate: rate)
    }
}
