/// A matrix divided into blocks of one size, but for the last ones of a row and of a column: row by row within a column of blocks.
public struct BlockGrid: Sendable, Hashable {
    public let rows, columns, height, width: Int

    public init(rows: Int, columns: Int, height: Int, width: Int) {
        (self.rows, self.columns, self.height, self.width) = (rows, columns, max(height, 1), max(width, 1))
    }

    private var blocksDown: Int { (rows + height - 1) / height }

    public var count: Int { blocksDown * ((columns + width - 1) / width) }

    /// What a block covers.
    public func ranges(_ index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        require(0..<count ~= index, "a block outside of its grid")
        let (row, column) = (index % blocksDown * height, index / blocksDown * width)
        return (row..<min(row + height, rows), column..<min(column + width, columns))
    }
}
