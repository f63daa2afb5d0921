import Foundation
import LinearAlgebra

/// How far two runs of each example with different dropout disagree: the mean of the Kullback-Leibler divergences both ways
/// (Liang et al., "R-Drop", NeurIPS 2021, equation 2), and its gradient.
///
/// - Parameters:
///   - logits: [2 · examples, labels]: each example twice, one row behind the other.
///   - gradient: like `logits`; the gradient of `weight · Σ divergence` is added.
///   - weight: of one example's divergence.
/// - Returns: each example's divergence, unweighted.
public func addAgreement(_ logits: [[Double]], weight: Double, to gradient: MatrixView) -> [Double] {
    require(logits.count == gradient.rows && logits.count % 2 == 0, "\(logits.count) rows, which are no pairs")
    return stride(from: 0, to: logits.count, by: 2).map { row in
        let pair = [logits[row], logits[row + 1]].map { scores in
            scores.indices.map { -crossEntropy(scores, label: $0) }
        }
        let divergences = [divergence(pair[0], pair[1]), divergence(pair[1], pair[0])]
        for side in 0..<2 {
            let (own, other) = (pair[side], pair[1 - side])
            let line = gradient.row(row + side)
            for column in own.indices {
                let (p, q) = (exp(own[column]), exp(other[column]))
                let slope = p * (own[column] - other[column] - divergences[side]) + p - q
                line[column] += Float(0.5 * weight * slope)
            }
        }
        return 0.5 * (divergences[0] + divergences[1])
    }
}

/// Σ p · (ln p − ln q), from the logarithms.
private func divergence(_ p: [Double], _ q: [Double]) -> Double {
    zip(p, q).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
}
