import COpenBLAS

/// How an operand of a product is read.
public enum Operand: Sendable {
    case asIs
    case transposed

    var blas: CBLAS_TRANSPOSE { self == .asIs ? CblasNoTrans : CblasTrans }
}

/// `result = op(left) · op(right)`, by OpenBLAS on the calling thread alone.
///
/// - Parameters:
///   - result: [m, n]; overwritten.
///   - left: [m, k], or [k, m] where transposed.
///   - right: [k, n], or [n, k] where transposed.
public func multiply(
    _ left: MatrixView, _ leftOperand: Operand, _ right: MatrixView, _ rightOperand: Operand,
    into result: MatrixView
) {
    let (m, k) = leftOperand == .asIs ? (left.rows, left.columns) : (left.columns, left.rows)
    let (k2, n) = rightOperand == .asIs ? (right.rows, right.columns) : (right.columns, right.rows)
    require(
        k == k2 && m == result.rows && n == result.columns,
        "a product of \(m) × \(k) and \(k2) × \(n) into \(result.rows) × \(result.columns)")
    if m == 0 || n == 0 { return }
    if k == 0 {
        for row in 0..<m { result.row(row).fill(0) }
        return
    }
    cblas_sgemm(
        CblasRowMajor, leftOperand.blas, rightOperand.blas, blasint(m), blasint(n), blasint(k), 1,
        left.base, blasint(max(left.stride, 1)), right.base, blasint(max(right.stride, 1)), 0,
        result.base, blasint(max(result.stride, 1)))
}

/// `result = left · right`, by OpenBLAS on the calling thread alone.
///
/// - Parameters:
///   - result: [m, n]; overwritten.
///   - left: [m, k].
///   - right: [k, n].
public func multiply(_ left: MatrixView, _ right: MatrixView, into result: MatrixView) {
    multiply(left, .asIs, right, .asIs, into: result)
}
