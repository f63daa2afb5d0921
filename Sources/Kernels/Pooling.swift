import LinearAlgebra

/// `x = tanh(x + bias)` in place: the end of BERT's pooler.
///
/// - Parameters:
///   - matrix: [sequences, hiddenSize].
///   - bias: [hiddenSize].
public func addBiasAndTanh(_ bias: VectorView, _ matrix: MatrixView) {
    require(bias.count == matrix.columns, "a bias of \(bias.count) elements for \(matrix.columns) columns")
    for row in 0..<matrix.rows {
        let x = matrix.base + row * matrix.stride
        forEachPiece(of: matrix.columns) { offset, count in
            let sum = x.piece(offset, count) + bias.base.piece(offset, count)
            x.storePiece(hyperbolicTangent(sum), offset, count)
        }
    }
}

/// The backward pass of tanh: `gradient` [sequences, hiddenSize] becomes `gradient · (1 − output²)`.
public func tanhBackward(_ gradient: MatrixView, output: MatrixView) {
    require(
        gradient.rows == output.rows && gradient.columns == output.columns, "the gradient of tanh between unlike sizes")
    for row in 0..<gradient.rows {
        let (d, y) = (gradient.base + row * gradient.stride, output.base + row * output.stride)
        forEachPiece(of: gradient.columns) { offset, count in
            let value = y.piece(offset, count)
            d.storePiece(d.piece(offset, count) * (Lanes(repeating: 1) - value * value), offset, count)
        }
    }
}
