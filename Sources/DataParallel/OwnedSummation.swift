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
    ///   - summed: what needs no sum any more.
    ///   - target: the flat buffer whose owned ranges are overwritten; rows of the table that are written nowhere must be zero
    ///     in it.
    ///   - leaf: a leaf's elements of a range of the flat buffer.
    func run(
        rank: Int, touched: [RowSet], summed: SummedRanges, into target: VectorView,
        leaf: @Sendable (Int, Range<Int>) -> VectorView
    ) -> OwnedSum {
        let parts = ranges.blocks(of: rank).flatMap { blocks in (0..<threads).map { blocks.part($0, of: threads) } }
        let sums = Mutex([OwnedSum](repeating: OwnedSum(), count: parts.count))
        onThreads(threads) { thread in
            for part in stride(from: thread, to: parts.count, by: threads) {
                let sum = sum(parts[part], touched, summed, into: target, scratch[thread], leaf)
                sums.withLock { $0[part] = sum }
            }
        }
        return sums.withLock { $0.reduce(into: OwnedSum()) { $0.append($1) } }
    }

    private func sum(
        _ blocks: Range<Int>, _ touched: [RowSet], _ summed: SummedRanges, into target: VectorView,
        _ scratch: MatrixView, _ leaf: (Int, Range<Int>) -> VectorView
    ) -> OwnedSum {
        var sum = OwnedSum()
        let rows = RowSet.rows(inAnyOf: touched, table.rows(in: ranges.elements(ofBlocks: blocks)))
        var elements = TouchedElements(table, rows: rows)
        for number in blocks {
            let block = ranges.elements(ofBlocks: number..<number + 1)
            if let whole = summed.whole(block) {
                sum.squares.append(sumOfSquares(whole))
                continue
            }
            let isWritten = elements.forEachPart(of: block) { elements, row in
                if let row {
                    sumTree(leaves: leafCount, into: target.slice(elements), scratch: scratch) { number in
                        touched[number].contains(row) ? leaf(number, elements) : nil
                    }
                } else {
                    summed.forEachPiece(of: elements) { piece, sum in
                        sumTree(leaves: sum == nil ? leafCount : 1, into: target.slice(piece), scratch: scratch) {
                            sum ?? leaf($0, piece)
                        }
                    }
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

/// Ranges of the flat buffer in which a sum over all lanes stands somewhere already.
struct SummedRanges: Sendable {
    private let ranges: [Range<Int>]
    private let sums: VectorView
    private let staysThere: Bool

    /// - Parameters:
    ///   - ranges: ascending.
    ///   - sums: a flat buffer.
    ///   - staysThere: whether whole blocks are left there, and not copied to where the other sums go.
    init(_ ranges: [Range<Int>], _ sums: VectorView, staysThere: Bool) {
        (self.ranges, self.sums, self.staysThere) = (ranges, sums, staysThere)
    }

    /// The sums of a block that lies in one range and stays where it is; nil for other blocks.
    func whole(_ block: Range<Int>) -> VectorView? {
        staysThere && ranges.contains { $0.clamped(to: block) == block } ? sums.slice(block) : nil
    }

    /// Cuts elements where a range begins or ends; `body` is given a piece's sum, nil where there is none yet.
    func forEachPiece(of elements: Range<Int>, _ body: (_ piece: Range<Int>, _ sum: VectorView?) -> Void) {
        var start = elements.lowerBound
        for range in ranges where range.overlaps(elements) {
            let piece = range.clamped(to: elements)
            if start < piece.lowerBound { body(start..<piece.lowerBound, nil) }
            body(piece, sums.slice(piece))
            start = piece.upperBound
        }
        if start < elements.upperBound { body(start..<elements.upperBound, nil) }
    }
}
