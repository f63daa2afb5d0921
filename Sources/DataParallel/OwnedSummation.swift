import LinearAlgebra
import Synchronization

/// Adds up the owned ranges of many lanes, block by block, while each block is in the cache: the sum and its squares in one
/// pass, the rows of the sparse table that nobody touched left out of both.
struct OwnedSummation {
    let ranges: OwnedRanges
    let table: SparseTable
    private let threads: Int
    /// Of each thread.
    private let scratch: [MatrixView]
    private let memory: FloatBuffer
    private let leafCount: Int

    init(_ ranges: OwnedRanges, table: SparseTable, leafCount: Int, threads: Int) {
        self.ranges = ranges
        self.table = table
        self.leafCount = leafCount
        self.threads = threads
        let depth = treeDepth(leafCount)
        memory = FloatBuffer(count: threads * depth * ranges.blockSize)
        let all = memory.view.matrix(rows: threads * depth, columns: ranges.blockSize)
        scratch = (0..<threads).map { all.rows($0 * depth..<($0 + 1) * depth) }
    }

    /// - Parameters:
    ///   - touched: of each leaf, the rows of the table that are not zero.
    ///   - target: the flat buffer whose owned ranges are overwritten; rows of the table that are written nowhere must be zero
    ///     in it.
    ///   - leaf: a leaf's elements of a range of the flat buffer.
    func run(
        rank: Int, touched: [RowSet], into target: VectorView, leaf: @Sendable (Int, Range<Int>) -> VectorView
    ) -> OwnedSum {
        let parts = ranges.blocks(of: rank).flatMap { blocks in (0..<threads).map { blocks.part($0, of: threads) } }
        let sums = Mutex([OwnedSum](repeating: OwnedSum(), count: parts.count))
        onThreads(threads) { thread in
            for part in stride(from: thread, to: parts.count, by: threads) {
                let sum = sum(parts[part], touched, into: target, scratch[thread], leaf)
                sums.withLock { $0[part] = sum }
            }
        }
        return sums.withLock { $0.reduce(into: OwnedSum()) { $0.append($1) } }
    }

    private func sum(
        _ blocks: Range<Int>, _ touched: [RowSet], into target: VectorView, _ scratch: MatrixView,
        _ leaf: (Int, Range<Int>) -> VectorView
    ) -> OwnedSum {
        var sum = OwnedSum()
        let rows = RowSet.rows(inAnyOf: touched, table.rows(in: ranges.elements(ofBlocks: blocks)))
        var elements = TouchedElements(table, rows: rows)
        for number in blocks {
            let block = ranges.elements(ofBlocks: number..<number + 1)
            let isWritten = elements.forEachPart(of: block) { elements, row in
                sumTree(leaves: leafCount, into: target.slice(elements), scratch: scratch) { number in
                    row.map { touched[number].contains($0) } ?? true ? leaf(number, elements) : nil
                }
            }
            sum.squares.append(isWritten ? sumOfSquares(target.slice(block)) : 0)
        }
        sum.writtenRows = rows
        return sum
    }
}

extension OwnedSum {
    /// Takes in what lies behind. A row that the two divide is named once.
    fileprivate mutating func append(_ next: OwnedSum) {
        squares += next.squares
        writtenRows += next.writtenRows.first == writtenRows.last ? next.writtenRows.dropFirst() : next.writtenRows[...]
    }
}
