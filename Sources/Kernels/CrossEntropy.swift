import Foundation
import LinearAlgebra

/// The cross-entropy −ln softmax(logits)[label] of each row and its gradient.
///
/// Labels are few, so this computes in `Double`, row by row.
///
/// - Parameters:
///   - logits: [examples, labels]; overwritten by the gradient of `weight · Σ loss`, that is weight · (softmax − one-hot).
///   - labels: [examples], each a column of `logits`.
///   - weight: the task's weight over the count of its examples in the global batch.
/// - Returns: each example's cross-entropy, unweighted.
public func crossEntropy(_ logits: MatrixView, labels: [Int], weight: Double) -> [Double] {
    require(labels.count == logits.rows, "\(labels.count) labels for \(logits.rows) examples")
    require(labels.allSatisfy { 0..<logits.columns ~= $0 }, "a label outside of \(logits.columns) columns")
    return labels.indices.map { row in
        let line = logits.row(row)
        let scores = line.array.map(Double.init)
        let probabilities = softmax(scores)
        for column in scores.indices {
            line[column] = Float(weight * (probabilities[column] - (column == labels[row] ? 1 : 0)))
        }
        return crossEntropy(scores, label: labels[row])
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
