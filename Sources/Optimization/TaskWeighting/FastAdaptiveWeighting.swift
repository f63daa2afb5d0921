import Foundation

/// `famo`: keeps the tasks' losses falling at the same relative pace, without looking at gradients (Liu, Feng, Stone and Liu 2023,
/// "FAMO: fast adaptive multitask optimization", algorithm 1).
///
/// The factors are zₖ ÷ ℓₖ, divided by their sum, with z = softmax(ξ) over the tasks of the step: up to its length the gradient of
/// Σ zₖ ln ℓₖ. Behind the update, at the losses ℓ′ of the same examples, ξ follows the gradient
/// δ = (∂z ÷ ∂ξ)ᵀ (ln ℓ − ln ℓ′) + γ ξ with `weighting.rate`; γ is `weighting.decay`. As in the authors' program, Adam takes
/// that step, and 10⁻⁸ is added to losses.
///
/// Both looks keep the step's dropout, so that nothing but the update tells ℓ and ℓ′ apart.
public struct FastAdaptiveWeighting: LossWeighting {
    public static let name = "famo"
    public static let looks = true
    /// ξ of each task.
    private var logits: ScalarAdam
    private let rate, decay: Double

    public init(_ settings: TaskWeightingSettings) {
        logits = ScalarAdam(count: settings.taskCount, startingAt: 0)
        (rate, decay) = (settings.rate, settings.decay)
    }

    public var state: [Double] {
        get { logits.state }
        set { logits.state = newValue }
    }

    public func accepts(_ state: [Double]) -> Bool { logits.accepts(state) }

    public func factors(isPresent: [Bool], ahead: [Double?]) -> [Double] {
        let shares = zip(softmax(over: isPresent), ahead).map { $0 / (($1 ?? 1) + Self.floor) }
        let sum = shares.reduce(0, +)
        return shares.map { $0 / sum }
    }

    public mutating func update(losses: [Double?], behind: [Double?]) {
        let z = softmax(over: losses.map { $0 != nil })
        let falls = zip(losses, behind).map { before, after -> Double? in
            guard let before, let after, after.isFinite else { return nil }
            return log(before + Self.floor) - log(after + Self.floor)
        }
        // A loss that the update blew up is for the next step to find; there is nothing to learn from it here.
        guard zip(losses, falls).allSatisfy({ ($0 == nil) == ($1 == nil) }) else { return }
        let mean = zip(z, falls).reduce(0) { $0 + $1.0 * ($1.1 ?? 0) }
        let slopes = falls.indices.map { task in
            falls[task].map { z[task] * ($0 - mean) + decay * logits.values[task] }
        }
        logits.update(slopes, rate: rate)
    }

    private static let floor = 1e-8

    /// z of the tasks that are there; 0 for the others.
    private func softmax(over isPresent: [Bool]) -> [Double] {
        let top = zip(logits.values, isPresent).reduce(-Double.infinity) { $1.1 ? max($0, $1.0) : $0 }
        let powers = zip(logits.values, isPresent).map { $1 ? exp($0 - top) : 0 }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
