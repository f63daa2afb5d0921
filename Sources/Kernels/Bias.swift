import LinearAlgebra

/// `rows += bias`, each row.
///
/// - Parameters:
///   - matrix: [rows, columns]; added to in place.
///   - bias: [columns].
public func addBias(_ bias: VectorView, to matrix: MatrixView) {
    for row in 0..<matrix.rows { add(bias, to: matrix.row(row)) }
}

/// The gradient of a bias: `sum` [columns] is overwritten by the sum of the rows of `matrix`, in their order.
public func sumRows(_ matrix: MatrixView, into sum: VectorView) {
    sum.fill(0)
    for row in 0..<matrix.rows { add(matrix.row(row), to: sum) }
}
