import Foundation
import LinearAlgebra

/// The cross-entropy of independent yes-or-no decisions, one a label: the mean over labels of −ln σ(x) where the label is there
/// and −ln σ(−x) where it is not, and its gradient; PyTorch's `binary_cross_entropy_with_logits`.
///
/// - Parameters:
///   - logits: [examples, labels]; overwritten by the gradient of `weight · Σ loss`.
///   - isSet: whether an example has a label.
///   - weight: the task's weight over the count of its examples in the global batch.
/// - Returns: each example's loss, without `weight`.
public func binaryCrossEntropy(
    _ logits: MatrixView, weight: Double, isSet: (_ example: Int, _ label: Int) -> Bool
) -> [Double] {
    (0..<logits.rows).map { row in
        let line = logits.row(row)
        let scores = line.array.map(Double.init)
        let labels = scores.indices.map { isSet(row, $0) }
        for (column, label) in labels.enumerated() {
            line[column] = Float(weight * (sigmoid(scores[column]) - (label ? 1 : 0)) / Double(labels.count))
        }
        return binaryCrossEntropy(scores, labels: labels)
    }
}

/// The loss of one example.
public func binaryCrossEntropy(_ logits: [Double], labels: [Bool]) -> Double {
    let sum = zip(logits, labels).reduce(0) { sum, pair in
        let against = pair.1 ? -pair.0 : pair.0
        return sum + max(against, 0) + log1p(exp(-abs(against)))
    }
    return sum / Double(logits.count)
}

/// 1 ÷ (1 + e^−x).
public func sigmoid(_ x: Double) -> Double { x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)) }
