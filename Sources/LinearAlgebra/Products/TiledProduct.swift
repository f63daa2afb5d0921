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
/// other rows are computed with it. The right operand is copied into panels (Goto and van de Geijn 2008, "Anatomy of
/// high-performance matrix multiplication"), a few of which stay in the second-level cache while all left rows pass by; those are
/// read where they stand.
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
        let part = LeftPart(left.columns(steps), scratch)
        for column in stride(from: 0, to: n, by: rightColumns) {
            let columns = column..<min(column + rightColumns, n)
            let panels = scratch.right.vector(PackedPanels.rightElements(columns: columns.count, depth: steps.count))
            PackedPanels.packRight(
                rightOperand == .asIs ? right.rows(steps).columns(columns) : right.rows(columns).columns(steps),
                rightOperand, into: panels)
            multiplyPanels(part, panels, into: result.columns(columns), adds: adds || start > 0, scratch)
        }
    }
}

/// Steps that are summed in one go: a right panel of them is 96 kilobytes with AVX-512, and half of that elsewhere.
let sumLength = 768
/// Columns of the right operand that are packed at a time: a few panels, and whole cache lines of the operand's rows.
private let rightColumns = 128

/// Some columns of a left operand: whole panels are read where they stand, the rows behind them from a copy.
private struct LeftPart {
    private let matrix: MatrixView
    private let packed: VectorView

    init(_ matrix: MatrixView, _ scratch: ProductScratch) {
        self.matrix = matrix
        let rest = matrix.rows(matrix.rows / RegisterTile.rows * RegisterTile.rows..<matrix.rows)
        packed = scratch.left.vector(PackedPanels.leftElements(rows: rest.rows, depth: matrix.columns))
        if rest.rows > 0 { PackedPanels.packLeft(rowsOf: rest, into: packed) }
    }

    var depth: Int { matrix.columns }

    /// - Parameter row: a multiple of 12.
    func panel(from row: Int) -> RegisterTile.LeftPanel {
        let rows = matrix.rows - row
        return rows < RegisterTile.rows
            ? .init(packed: packed.base, rows: PackedPanels.paddedRows(rows))
            : .init(rowsFrom: matrix.base + row * matrix.stride, stride: matrix.stride)
    }
}

/// Every tile of a product with packed right panels.
private func multiplyPanels(
    _ left: LeftPart, _ right: VectorView, into result: MatrixView, adds: Bool, _ scratch: ProductScratch
) {
    for row in stride(from: 0, to: result.rows, by: RegisterTile.rows) {
        let panel = left.panel(from: row)
        for column in stride(from: 0, to: result.columns, by: RegisterTile.columns) {
            let target = result.tile(row: row, column: column)
            let rightPanel = right.base + column * left.depth
            if target.rows == panel.rows && target.columns == RegisterTile.columns {
                RegisterTile.multiply(
                    depth: left.depth, left: panel, right: rightPanel, into: target.base, stride: target.stride,
                    adds: adds)
            } else {
                let tile = scratch.tiles.matrix(rows: RegisterTile.rows, columns: RegisterTile.columns)
                RegisterTile.multiply(
                    depth: left.depth, left: panel, right: rightPanel, into: tile.base, stride: tile.stride,
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
