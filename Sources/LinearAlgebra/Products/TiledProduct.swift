/// Memory that products use while they run; one thread at a time.
public final class ProductScratch {
    let left = GrowingBuffer()
    let right = GrowingBuffer()
    /// For tiles that do not go to a result as they are.
    let tiles = GrowingBuffer()

    public init() {}
}

/// `result = left · op(right)`, or that added to what is there, on the calling thread alone.
///
/// Each element is a sum over k in ascending order, by fused multiply-adds, in pieces of 768: a row has the same bits whatever
/// other rows are computed with it. Both operands are copied into panels (Goto and van de Geijn 2008, "Anatomy of
/// high-performance matrix multiplication"); a few right panels stay in the second-level cache while all left ones pass by.
///
/// - Parameters:
///   - left: [m, k].
///   - right: [k, n], or [n, k] where transposed.
///   - result: [m, n]; overwritten, or added to.
public func multiply(
    _ left: MatrixView, _ right: MatrixView, _ rightOperand: Operand, into result: MatrixView, adds: Bool = false,
    scratch: ProductScratch
) {
    let (m, k) = (left.rows, left.columns)
    let (k2, n) = rightOperand == .asIs ? (right.rows, right.columns) : (right.columns, right.rows)
    require(
        k == k2 && m == result.rows && n == result.columns,
        "a product of \(m) × \(k) and \(k2) × \(n) into \(result.rows) × \(result.columns)")
    if k == 0 && !adds { for row in 0..<m { result.row(row).fill(0) } }
    for start in stride(from: 0, to: k, by: sumLength) {
        let steps = start..<min(start + sumLength, k)
        for row in stride(from: 0, to: m, by: leftRows) {
            let rows = row..<min(row + leftRows, m)
            let leftPanels = scratch.left.vector(PackedPanels.leftElements(rows: rows.count, depth: steps.count))
            PackedPanels.packRows(left.rows(rows).columns(steps), .asIs, into: leftPanels)
            for column in stride(from: 0, to: n, by: rightColumns) {
                let columns = column..<min(column + rightColumns, n)
                let panels = scratch.right.vector(
                    PackedPanels.rightElements(columns: columns.count, depth: steps.count))
                PackedPanels.packColumns(
                    rightOperand == .asIs ? right.rows(steps).columns(columns) : right.rows(columns).columns(steps),
                    rightOperand, into: panels)
                multiplyPanels(
                    depth: steps.count, leftPanels, panels, into: result.rows(rows).columns(columns),
                    adds: adds || start > 0, scratch)
            }
        }
    }
}

/// Steps that are summed in one go: a right panel of them is 96 kilobytes.
let sumLength = 768
/// Columns of the right operand that are packed at a time: four panels, and whole cache lines of the operand's rows.
private let rightColumns = 128
/// Rows of the left operand that are packed at a time: 4 megabytes at most, little beside a last-level cache.
private let leftRows = 1368

/// Every tile of a product of packed operands.
private func multiplyPanels(
    depth: Int, _ left: VectorView, _ right: VectorView, into result: MatrixView, adds: Bool, _ scratch: ProductScratch
) {
    for row in stride(from: 0, to: result.rows, by: RegisterTile.rows) {
        for column in stride(from: 0, to: result.columns, by: RegisterTile.columns) {
            let target = result.tile(row: row, column: column)
            let (rows, panel) = (
                PackedPanels.paddedRows(target.rows), (left.base + row * depth, right.base + column * depth)
            )
            if target.rows == rows && target.columns == RegisterTile.columns {
                RegisterTile.multiply(
                    depth: depth, left: panel.0, rows: rows, right: panel.1, into: target.base, stride: target.stride,
                    adds: adds)
            } else {
                let tile = scratch.tiles.matrix(rows: RegisterTile.rows, columns: RegisterTile.columns)
                RegisterTile.multiply(
                    depth: depth, left: panel.0, rows: rows, right: panel.1, into: tile.base, stride: tile.stride,
                    adds: false)
                target.copyPart(of: tile, adds: adds)
            }
        }
    }
}

extension MatrixView {
    /// The part of the matrix that a tile from this place covers.
    func tile(row: Int, column: Int) -> MatrixView {
        rows(row..<min(row + RegisterTile.rows, rows)).columns(column..<min(column + RegisterTile.columns, columns))
    }

    /// Takes over the beginning of each row of a larger matrix.
    func copyPart(of other: MatrixView, adds: Bool) {
        for row in 0..<rows {
            for column in 0..<columns {
                let kept = adds ? self[row, column] : 0
                self[row, column] = other[row, column] + kept
            }
        }
    }
}
