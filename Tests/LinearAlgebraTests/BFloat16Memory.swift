import LinearAlgebra

/// What fills the gaps between rows: a bfloat16 that is not a number.
private let filler: UInt16 = 0x7FCA

extension GuardedMemory {
    /// A matrix of bfloat16 that holds no numbers; it ends right before a page that cannot be touched.
    func bfloat16Matrix(_ rows: Int, _ columns: Int, gap: Int = 0) -> BFloat16View {
        let stride = columns + gap
        let count = rows == 0 ? 0 : (rows - 1) * stride + columns
        let words = vector((count + 1) / 2)
        let end = UnsafeMutableRawPointer(words.base + words.count)
        let base = (end - 2 * count).bindMemory(to: UInt16.self, capacity: count)
        base.update(repeating: filler, count: count)
        return BFloat16View(base, rows: rows, columns: columns, stride: stride)
    }

    /// The values rounded to bfloat16.
    func bfloat16Matrix(_ grid: Grid, gap: Int = 0) -> BFloat16View {
        let view = bfloat16Matrix(grid.rows, grid.columns, gap: gap)
        convert(matrix(grid), into: view)
        return view
    }
}

extension BFloat16View {
    subscript(row: Int, column: Int) -> UInt16 { base[row * stride + column] }

    var gapsAreUntouched: Bool {
        (0..<max(rows - 1, 0)).allSatisfy { row in
            (columns..<stride).allSatisfy { base[row * stride + $0] == filler }
        }
    }
}

extension Grid {
    init(_ view: BFloat16View) {
        self.init(view.rows, view.columns) { Double(Float(bitPattern: UInt32(view[$0, $1]) << 16)) }
    }
}
