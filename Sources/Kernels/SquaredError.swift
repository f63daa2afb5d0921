import LinearAlgebra

/// The squared distance of predicted numbers from what is right, and its gradient.
///
/// - Parameters:
///   - predictions: [examples, 1]; overwritten by the gradient of `weight · Σ error`, that is 2 · weight · (prediction − target).
///   - targets: [examples].
///   - weight: the task's weight over the count of its examples in the global batch.
/// - Returns: each example's squared error, without `weight`.
public func squaredError(_ predictions: MatrixView, targets: [Float], weight: Double) -> [Double] {
    require(
        predictions.columns == 1 && predictions.rows == targets.count,
        "\(targets.count) numbers for predictions [\(predictions.rows), \(predictions.columns)]")
    return targets.indices.map { row in
        let line = predictions.row(row)
        let distance = Double(line[0]) - Double(targets[row])
        line[0] = Float(2 * weight * distance)
        return distance * distance
    }
}
