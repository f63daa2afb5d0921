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
            let touchedRows = RowSet.rows(inAnyOf: touched, table.rows(in: range))
            var next = 0
            for start in stride(from: range.lowerBound, to: range.upperBound, by: ranges.blockSize) {
                let block = start..<min(start + ranges.blockSize, range.upperBound)
                var isZero = true
                while next < touchedRows.count {
                    let row = Int(touchedRows[next])
                    let elements = table.elements(ofRow: row, in: block)
                    if elements.isEmpty { break }
                    sumTree(leaves: leafCount, into: target.slice(elements), scratch: rows) {
                        touched[$0].contains(row) ? leaf($0, elements) : nil
                    }
                    isZero = false
                    // The rest of a row that the block cuts belongs to the next one.
                    if (row + 1) * table.columns > block.upperBound { break }
                    next += 1
                }
                let dense = max(block.lowerBound, min(table.count, block.upperBound))..<block.upperBound
                if !dense.isEmpty {
                    sumTree(leaves: leafCount, into: target.slice(dense), scratch: rows) { leaf($0, dense) }
                }
                sum.squares.append(isZero && dense.isEmpty ? 0 : sumOfSquares(target.slice(block)))
            }
            sum.writtenRows += touchedRows
        }
        return sum
    }
}
