import Foundation

/// How the learning rate goes over a run: up during warm-up, then as its kind says.
public struct LearningRateSchedule: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Down to zero in a straight line (Devlin et al. 2019, appendix A.2).
        case linear
        case constant
        /// Down to zero as half a cosine (Loshchilov and Hutter 2017, equation 5).
        case cosine
    }

    let kind: Kind
    let peak: Double
    let warmupSteps: Int
    let totalSteps: Int

    public init(kind: Kind, peak: Double, warmupSteps: Int, totalSteps: Int) {
        self.kind = kind
        self.peak = peak
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The learning rate of a step, counted from 1; the first step of a warm-up has none, as in Hugging Face's schedules.
    public func learningRate(step: Int) -> Double {
        let done = Double(step - 1)
        if step - 1 < warmupSteps { return peak * done / Double(warmupSteps) }
        let progress = (done - Double(warmupSteps)) / Double(max(1, totalSteps - warmupSteps))
        switch kind {
        case .constant: return peak
        case .linear: return peak * max(0, 1 - progress)
        case .cosine: return peak * max(0, 0.5 * (1 + cos(Double.pi * min(1, progress))))
        }
    }
}
