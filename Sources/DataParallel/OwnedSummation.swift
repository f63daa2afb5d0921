import LinearAlgebra

/// Adds up the owned ranges of many lanes, block by block, while each block is in the cache: the sum and its squares in one
/// pass, the rows of the sparse table that nobody touched left out of both.
struct OwnedSummation {
    let ranges: OwnedRanges
    let table: SparseTable
    private let scratch: FloatBuffer
    private let leafCount: Int

    init(_ ranges: OwnedRanges, table: SparseTable, leafCount: Int) {
        self.ranges = ranges
        self.table = table
        self.leafCount = leafCount
        scratch = FloatBuffer(count: treeDepth(leafCount) * ranges.blockSize)
    }

    /// - Parameters:
    ///   - touched: of each leaf, the rows of the table that are not zero.
    ///   - target: the flat buffer whose owned ranges are overwritten; rows of the table that are written nowhere must be zero
    ///     in it.
    ///   - leaf: a leaf's elements of a range of the flat buffer.
    func run(rank: Int, touched: [RowSet], into target: VectorView, leaf: (Int, Range<Int>) -> VectorView) -> OwnedSum {
        let rows = scratch.view.matrix(rows: treeDepth(leafCount), columns: ranges.blockSize)
        var sum = OwnedSum()
        for range in ranges.ranges(of: rank) {
            var elements = TouchedElements(table, rows: RowSet.rows(inAnyOf: touched, table.rows(in: range)))
            for start in stride(from: range.lowerBound, to: range.upperBound, by: ranges.blockSize) {
                let block = start..<min(start + ranges.blockSize, range.upperBound)
                let isWritten = elements.forEachPart(of: block) { elements, row in
                    sumTree(leaves: leafCount, into: target.slice(elements), scratch: rows) { number in
                        row.map { touched[number].contains($0) } ?? true ? leaf(number, elements) : nil
                    }
                }
                sum.squares.append(isWritten ? sumOfSquares(target.slice(block)) : 0)
            }
            sum.writtenRows += elements.rows
        }
        return sum
    }
}
