/// Operands of a product copied into the order in which `RegisterTile` reads them.
///
/// Where a last panel is wider than what is left of its operand, it is filled up with anything: those results are not used.
enum PackedPanels {
    /// Rows of all left panels for so many rows: whole quanta.
    static func paddedRows(_ rows: Int) -> Int {
        (rows + RegisterTile.rowQuantum - 1) / RegisterTile.rowQuantum * RegisterTile.rowQuantum
    }

    /// Elements of left panels, with a margin, since whole registers are written.
    static func leftElements(rows: Int, depth: Int) -> Int { paddedRows(rows) * depth + laneCount }

    /// Elements of right panels.
    static func rightElements(columns: Int, depth: Int) -> Int {
        (columns + RegisterTile.columns - 1) / RegisterTile.columns * RegisterTile.columns * depth
    }

    /// The left panel of at most 12 rows.
    ///
    /// - Parameters:
    ///   - matrix: [rows, depth]; not without rows.
    ///   - target: `leftElements` elements; overwritten.
    static func packLeft(rowsOf matrix: MatrixView, into target: VectorView) {
        require(
            1...RegisterTile.rows ~= matrix.rows
                && target.count >= leftElements(rows: matrix.rows, depth: matrix.columns),
            "too little memory for a packed left operand, or too many rows")
        transpose(matrix, into: target.base, step: paddedRows(matrix.rows))
    }

    /// Some steps of left panels whose rows are the columns of a matrix; the panel of row i, a multiple of 12, begins at
    /// i · depth. Pieces are to be packed in ascending order.
    ///
    /// - Parameters:
    ///   - matrix: [steps, rows].
    ///   - start: the first of the steps.
    ///   - depth: of the panels.
    ///   - target: `leftElements` elements; overwritten.
    static func packLeft(columnsOf matrix: MatrixView, from start: Int = 0, of depth: Int, into target: VectorView) {
        require(
            start + matrix.rows <= depth && target.count >= leftElements(rows: matrix.columns, depth: depth),
            "too little memory for a packed left operand")
        copyTwelve(matrix, from: start, of: depth, into: target.base)
    }

    /// Right panels of the columns of `op(matrix)`; the panel of column j, a multiple of `RegisterTile.columns`,
    /// begins at j · depth.
    ///
    /// - Parameters:
    ///   - matrix: [depth, columns], or [columns, depth] where transposed.
    ///   - target: `rightElements` elements; overwritten.
    static func packRight(_ matrix: MatrixView, _ operand: Operand, into target: VectorView) {
        let (depth, columns) = operand == .asIs ? (matrix.rows, matrix.columns) : (matrix.columns, matrix.rows)
        require(target.count >= rightElements(columns: columns, depth: depth), "too little memory for a packed operand")
        if operand == .asIs { return packRight(columnsOf: matrix, of: depth, into: target) }
        for column in stride(from: 0, to: columns, by: laneCount) {
            let panel = target.base + column / RegisterTile.columns * RegisterTile.columns * depth
            transpose(
                matrix.rows(column..<min(column + laneCount, columns)), into: panel + column % RegisterTile.columns,
                step: RegisterTile.columns)
        }
    }

    /// Some steps of right panels of the columns of a matrix.
    ///
    /// - Parameters:
    ///   - matrix: [steps, columns].
    ///   - start: the first of the steps.
    ///   - depth: of the panels.
    ///   - target: `rightElements` elements; overwritten.
    static func packRight(columnsOf matrix: MatrixView, from start: Int = 0, of depth: Int, into target: VectorView) {
        require(
            start + matrix.rows <= depth && target.count >= rightElements(columns: matrix.columns, depth: depth),
            "too little memory for a packed operand")
        copyColumns(matrix, from: start, of: depth, into: target.base)
    }

    @inline(never)
    private static func copyTwelve(
        _ matrix: MatrixView, from start: Int, of depth: Int, into target: UnsafeMutablePointer<Float>
    ) {
        copy(matrix, width: RegisterTile.rows, from: start, of: depth, into: target)
    }

    @inline(never)
    private static func copyColumns(
        _ matrix: MatrixView, from start: Int, of depth: Int, into target: UnsafeMutablePointer<Float>
    ) {
        copy(matrix, width: RegisterTile.columns, from: start, of: depth, into: target)
    }

    /// Copies panels of `width` columns, 12, 16 or 32: a few rows from end to end at a time, so that memory is read in long runs.
    /// Compiled for each width by itself, because a line is only one or two `Lanes`.
    @inline(__always)
    private static func copy(
        _ matrix: MatrixView, width: Int, from first: Int, of depth: Int, into panels: UnsafeMutablePointer<Float>
    ) {
        let (rows, stride) = (matrix.rows, matrix.stride)
        let whole = matrix.columns / width * width
        let target = panels + first &* width
        // Whole registers, beyond a panel of 12 too: a later row stands behind what is read, and overwrites what is written.
        for start in Swift.stride(from: 0, to: rows - 1, by: 8) {
            let count = min(8, rows - 1 - start)
            for column in Swift.stride(from: 0, to: whole, by: width) {
                var source = matrix.base + start &* stride + column
                var line = target + column &* depth + start &* width
                for _ in 0..<count {
                    line.store(source.lanes(at: 0), at: 0)
                    if width > laneCount { line.store(source.lanes(at: laneCount), at: laneCount) }
                    source += stride
                    line += width
                }
            }
        }
        for column in Swift.stride(from: 0, to: whole, by: width) where rows > 0 {
            let line = target + column * depth + (rows - 1) * width
            line.update(from: matrix.base + (rows - 1) * stride + column, count: width)
        }
        let rest = matrix.columns - whole
        let step = width == RegisterTile.rows ? paddedRows(rest) : width
        for row in 0..<rows {
            (panels + whole * depth + (first + row) * step).update(
                from: matrix.base + row * stride + whole, count: rest)
        }
    }

    /// Writes the transposed of at most 16 rows: each column of the matrix goes to every `step`th element. Sixteen elements are
    /// written where `step` is less; the next column then overwrites what is too much.
    @inline(never)
    private static func transpose(_ matrix: MatrixView, into target: UnsafeMutablePointer<Float>, step: Int) {
        let wholeColumns = matrix.columns / SixteenByEight.columns * SixteenByEight.columns
        for column in stride(from: 0, to: wholeColumns, by: SixteenByEight.columns) {
            let block = SixteenByEight(matrix.base + column, rows: matrix.rows, stride: matrix.stride)
            block.writeTransposed(to: target + column &* step, step: step)
        }
        for column in wholeColumns..<matrix.columns {
            for row in 0..<matrix.rows { target[column * step + row] = matrix.base[row * matrix.stride + column] }
        }
    }
}

/// A block of 16 rows and 8 columns, two rows in each vector.
private struct SixteenByEight {
    static let columns = 8
    private var a, b, c, d, e, f, g, h: Lanes

    /// Where there are fewer than 16 rows, the last one stands for those that are missing.
    @inline(__always)
    init(_ base: UnsafeMutablePointer<Float>, rows: Int, stride: Int) {
        @inline(__always) func row(_ index: Int) -> SIMD8<Float> {
            UnsafeRawPointer(base + min(index, rows &- 1) &* stride).loadUnaligned(as: SIMD8<Float>.self)
        }
        @inline(__always) func pair(_ index: Int) -> Lanes { Lanes(lowHalf: row(index), highHalf: row(index &+ 1)) }
        (a, b, c, d, e, f, g, h) = (pair(0), pair(2), pair(4), pair(6), pair(8), pair(10), pair(12), pair(14))
    }

    /// Writes the columns to every `step`th element: three perfect shuffles, each of which turns the bits of an element's place
    /// by one.
    @inline(__always)
    func writeTransposed(to target: UnsafeMutablePointer<Float>, step: Int) {
        let result = shuffled().shuffled().shuffled()
        target.store(result.a, at: 0)
        target.store(result.b, at: step)
        target.store(result.c, at: 2 &* step)
        target.store(result.d, at: 3 &* step)
        target.store(result.e, at: 4 &* step)
        target.store(result.f, at: 5 &* step)
        target.store(result.g, at: 6 &* step)
        target.store(result.h, at: 7 &* step)
    }

    @inline(__always)
    private func shuffled() -> Self {
        var new = self
        (new.a, new.e) = a.parted(with: b)
        (new.b, new.f) = c.parted(with: d)
        (new.c, new.g) = e.parted(with: f)
        (new.d, new.h) = g.parted(with: h)
        return new
    }
}

extension SIMD16 where Scalar == Float {
    /// The even lanes of both, and the odd ones: two instructions.
    @inline(__always)
    fileprivate func parted(with other: Self) -> (Self, Self) {
        (Self(lowHalf: evenHalf, highHalf: other.evenHalf), Self(lowHalf: oddHalf, highHalf: other.oddHalf))
    }
}
