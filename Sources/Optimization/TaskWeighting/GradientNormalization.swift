import Foundation

/// `gradnorm`: brings the lengths of the tasks' gradients in line with how fast each task learns (Chen, Badrinarayanan, Lee and
/// Rabinovich 2018, "GradNorm: gradient normalization for adaptive loss balancing in deep multitask networks", equation 2 and
/// algorithm 1).
///
/// With Gₖ = wₖ · ‖∇Lₖ‖, their mean Ḡ, and rₖ the loss relative to its start, over the mean of that, the weights follow the
/// gradient of Σ |Gₖ − Ḡ rₖ^α|, in which Ḡ rₖ^α counts as constant; then they are scaled so that they sum to the number of tasks.
/// α is `weighting.alpha`, by default 1.5; Adam takes the step with `weighting.rate`.
///
/// Where the paper leaves a choice, or this departs from it:
/// - the norms are over all shared parameters, not those of the last shared layer alone;
/// - the loss at the start is that of a guess, ln C for C labels, as the paper advises where the first loss depends on chance;
/// - weights stay above 0.001, since the step could take them below 0;
/// - a task's own weight stands beside what is balanced here: the norms are those of gradients without it.
public struct GradientNormalization: GradientCombination {
    public static let name = "gradnorm"
    private var weights: ScalarAdam
    private let startingLosses: [Double]
    private let alpha, rate: Double
    private static let least = 0.001

    public init(_ settings: TaskWeightingSettings) {
        weights = ScalarAdam(count: settings.taskCount, startingAt: 1)
        startingLosses = settings.guessLosses
        (alpha, rate) = (settings.alpha ?? 1.5, settings.rate)
    }

    public var state: [Double] {
        get { weights.state }
        set { weights.state = newValue }
    }

    public func accepts(_ state: [Double]) -> Bool {
        weights.accepts(state) && state.prefix(weights.values.count).allSatisfy { $0 > 0 }
    }

    public mutating func factors(_ tasks: TaskGradientProducts) -> [Double] {
        let own = tasks.numbers.map { weights.values[$0] }
        let lengths = zip(tasks.gram.norms, tasks.weights).map { $0 / $1 }
        let scaled = zip(own, lengths).map { $0 * $1 }
        let mean = scaled.reduce(0, +) / Double(scaled.count)
        let progress = zip(tasks.numbers, tasks.losses).map { $1 / startingLosses[$0] }
        let meanProgress = progress.reduce(0, +) / Double(progress.count)
        var slopes = [Double?](repeating: nil, count: weights.values.count)
        for (place, task) in tasks.numbers.enumerated() {
            let target = mean * pow(meanProgress > 0 ? progress[place] / meanProgress : 1, alpha)
            let difference = scaled[place] - target
            slopes[task] = difference == 0 ? 0 : (difference > 0 ? lengths[place] : -lengths[place])
        }
        weights.update(slopes, rate: rate)
        let raised = weights.values.map { max($0, Self.least) }
        let sum = raised.reduce(0, +)
        weights.values = raised.map { $0 * Double(raised.count) / sum }
        return own
    }
}
