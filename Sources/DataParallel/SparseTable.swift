/// A table at the start of the flat buffer, of whose gradient a step fills few rows.
public struct SparseTable: Sendable, Equatable {
    public let rows: Int
    public let columns: Int

    public init(rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    /// None: the whole buffer is dense.
    public static let none = SparseTable(rows: 0, columns: 0)

    public var count: Int { rows * columns }

    /// The rows that have elements in a range of the flat buffer.
    func rows(in range: Range<Int>) -> Range<Int> {
        let end = min(range.upperBound, count)
        guard range.lowerBound < end else { return 0..<0 }
        return range.lowerBound / columns..<(end + columns - 1) / columns
    }

    /// The elements of a row that lie in a range of the flat buffer.
    func elements(ofRow row: Int, in range: Range<Int>) -> Range<Int> {
        (row * columns..<(row + 1) * columns).clamped(to: range)
    }
}

/// Walks through the blocks of a range of the flat buffer and gives of each what may be other than zero: the touched rows of
/// the table, or what part of them lies in the block, and then what lies behind the table.
struct TouchedElements {
    let table: SparseTable
    /// Those that have elements in the range, ascending.
    let rows: [Int32]
    private var next = 0

    init(_ table: SparseTable, rows: [Int32]) {
        self.table = table
        self.rows = rows
    }

    /// - Parameters:
    ///   - block: comes behind that of the call before.
    ///   - body: is given elements, and the row that they belong to; nil behind the table.
    /// - Returns: whether there was anything.
    mutating func forEachPart(of block: Range<Int>, _ body: (_ elements: Range<Int>, _ row: Int?) -> Void) -> Bool {
        var isEmpty = true
        while next < rows.count {
            let row = Int(rows[next])
            let elements = table.elements(ofRow: row, in: block)
            if elements.isEmpty { break }
            body(elements, row)
            isEmpty = false
            // The rest of a row that the block cuts belongs to the next one.
            if (row + 1) * table.columns > block.upperBound { break }
            next += 1
        }
        let dense = max(block.lowerBound, min(table.count, block.upperBound))..<block.upperBound
        if !dense.isEmpty { body(dense, nil) }
        return !(isEmpty && dense.isEmpty)
    }
}

/// A set of rows of a table, as bits in memory that somebody else owns.
///
/// `@unchecked Sendable`: nobody assigns it while others read.
struct RowSet: @unchecked Sendable {
    private let words: UnsafeMutableBufferPointer<UInt64>

    /// Words of memory that a set takes.
    static func wordCount(_ table: SparseTable) -> Int { (table.rows + 63) / 64 }

    init(_ words: UnsafeMutableBufferPointer<UInt64>) { self.words = words }

    func assign(_ rows: [Int32]) {
        words.update(repeating: 0)
        for row in rows { words[Int(row) / 64] |= 1 << UInt64(row % 64) }
    }

    func contains(_ row: Int) -> Bool { words[row / 64] >> UInt64(row % 64) & 1 == 1 }

    /// The rows of a range that are in any of the sets, ascending.
    static func rows(inAnyOf sets: [RowSet], _ range: Range<Int>) -> [Int32] {
        var rows: [Int32] = []
        guard !range.isEmpty else { return rows }
        for word in range.lowerBound / 64...(range.upperBound - 1) / 64 {
            var bits = sets.reduce(0) { $0 | $1.words[word] }
            while bits != 0 {
                let row = word * 64 + bits.trailingZeroBitCount
                if range.contains(row) { rows.append(Int32(row)) }
                bits &= bits - 1
            }
        }
        return rows
    }
}
