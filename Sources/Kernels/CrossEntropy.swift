import Foundation
import LinearAlgebra

/// The cross-entropy −Σ target · ln softmax(logits) of each row and its gradient.
///
/// Labels are few, so this computes in `Double`, row by row.
///
/// - Parameters:
///   - logits: [examples, labels]; overwritten by the gradient of `weight · Σ loss`, that is
///     weight · (softmax · Σ target − target).
///   - labels: [examples], each a column of `logits`.
///   - targets: what an example of a label is to be taken for.
///   - weight: the task's weight over the count of its examples in the global batch.
/// - Returns: each example's cross-entropy, without `weight`.
public func crossEntropy(_ logits: MatrixView, labels: [Int], targets: LabelTargets = LabelTargets(), weight: Double)
    -> [Double]
{
    require(labels.count == logits.rows, "\(labels.count) labels for \(logits.rows) examples")
    require(labels.allSatisfy { 0..<logits.columns ~= $0 }, "a label outside of \(logits.columns) columns")
    return labels.indices.map { row in
        let line = logits.row(row)
        let scores = line.array.map(Double.init)
        let probabilities = softmax(scores)
        let target = targets.target(of: labels[row], count: scores.count)
        let sum = target.reduce(0, +)
        for column in scores.indices {
            line[column] = Float(weight * (probabilities[column] * sum - target[column]))
        }
        if targets.arePlain { return crossEntropy(scores, label: labels[row]) }
        return scores.indices.reduce(0) { $0 + target[$1] * crossEntropy(scores, label: $1) }
    }
}

/// The distributions over labels that a classifier is trained towards.
public struct LabelTargets: Sendable, Equatable {
    /// The part of the target that is spread over all labels (Szegedy et al. 2016, section 7).
    public var smoothing: Double
    /// What each label's part counts; empty where all count 1.
    public var classWeights: [Double]

    public init(smoothing: Double = 0, classWeights: [Double] = []) {
        self.smoothing = smoothing
        self.classWeights = classWeights
    }

    var arePlain: Bool { smoothing == 0 && classWeights.isEmpty }

    /// weight[c] · ((1 − ε) · [c = label] + ε ÷ labels), as PyTorch's `cross_entropy` has it.
    func target(of label: Int, count: Int) -> [Double] {
        (0..<count).map { column in
            let share = (column == label ? 1 - smoothing : 0) + smoothing / Double(count)
            return classWeights.isEmpty ? share : classWeights[column] * share
        }
    }
}

/// −ln softmax(logits)[label], in `Double`.
public func crossEntropy(_ logits: [Double], label: Int) -> Double {
    let top = logits.max() ?? 0
    return top + log(logits.reduce(0) { $0 + exp($1 - top) }) - logits[label]
}

/// The softmax of a few numbers, in `Double`.
public func softmax(_ logits: [Double]) -> [Double] {
    let top = logits.max() ?? 0
    let powers = logits.map { exp($0 - top) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
}
