/// A file of labelled texts, opened: every row was read and checked once, and its texts are fetched on demand.
///
/// Rows are numbered from 0 in the order of the file, rows left out included, so that a number means the same row
/// to every reader of the file.
public struct TaskFile: Sendable {
    /// The path as it was resolved, or the name of a source in memory.
    public let name: String
    /// The class names: the declared ones, or those found, sorted (by value where all are integers); none of numbers.
    public let labelNames: [String]
    /// The rows that can be used.
    public let usableRows: RowSelection
    /// How many rows were left out under `BadRowPolicy.skip`.
    public let droppedCount: Int
    /// The first few rows left out, and why.
    public let firstDropped: [TaskFileError]
    private let bytes: FileBytes
    private let texts: [FieldSpan]
    private let pairs: [FieldSpan]
    private let labels: [Int]

    /// The most bytes that a compressed file may hold: 4 GiB.
    public static let maximumDecompressedSize = 4 << 30

    /// Opens the file at `path`, whose extension says its format. A plain file is mapped, a compressed one unpacked
    /// into memory.
    ///
    /// - Parameters:
    ///   - labels: the labels allowed, nil to take those that are found.
    ///   - onBadRow: what to do with a row that cannot be used.
    /// - Throws: `TaskFileError`.
    public init(
        path: String, columns: TaskColumns = TaskColumns(), labels: LabelSet? = nil, onBadRow: BadRowPolicy = .fail
    ) throws {
        let name = FileBytes.resolved(path)
        let (format, isCompressed) = try TaskFileFormat.named(by: name)
        var bytes = try FileBytes(mapping: name)
        if isCompressed {
            let limit = Self.maximumDecompressedSize
            bytes = FileBytes(copying: try Gunzip.decompress(bytes.buffer, file: name, limit: limit))
        }
        try self.init(
            name: name, bytes: bytes, format: format, columns: columns, labels: labels, onBadRow: onBadRow)
    }

    /// Reads rows from memory.
    ///
    /// - Throws: `TaskFileError`, with `name` in the place of the file.
    public init(
        name: String, contents: [UInt8], format: TaskFileFormat, columns: TaskColumns = TaskColumns(),
        labels: LabelSet? = nil, onBadRow: BadRowPolicy = .fail
    ) throws {
        try self.init(
            name: name, bytes: FileBytes(copying: contents), format: format, columns: columns, labels: labels,
            onBadRow: onBadRow)
    }

    private init(
        name: String, bytes: FileBytes, format: TaskFileFormat, columns: TaskColumns, labels: LabelSet?,
        onBadRow: BadRowPolicy
    ) throws {
        let index = try Self.index(name, bytes.buffer, format, columns, labels, onBadRow)
        self.name = name
        self.bytes = bytes
        labelNames = index.labelNames
        usableRows = index.usableRows
        droppedCount = index.droppedCount
        firstDropped = index.firstDropped
        texts = index.texts
        pairs = index.pairs
        self.labels = index.labels
        guard usableRows.count > 0 else {
            let reason = firstDropped.first.map { "none of its \(droppedCount) rows can be used; the first: \($0)" }
            throw TaskFileError(file: name, message: reason ?? "has no rows")
        }
    }

    private static func index(
        _ name: String, _ bytes: UnsafeBufferPointer<UInt8>, _ format: TaskFileFormat, _ columns: TaskColumns,
        _ labels: LabelSet?, _ onBadRow: BadRowPolicy
    ) throws -> RowIndex {
        guard !bytes.isEmpty else { throw TaskFileError(file: name, message: "is empty") }
        func index(_ scanner: some RowScanner) throws -> RowIndex {
            var scanner = scanner
            return try RowIndex(
                &scanner, bytes: bytes, file: name, columns: columns, labels: labels, onBadRow: onBadRow)
        }
        do {
            switch format {
            case .tsv: return try index(TabSeparatedScanner(bytes, columns: columns))
            case .csv: return try index(CommaSeparatedScanner(bytes, columns: columns, file: name))
            case .jsonLines: return try index(JSONLinesScanner(bytes, columns: columns))
            }
        } catch let problem as RowProblem {
            throw TaskFileError(file: name, line: 1, message: problem.message)
        }
    }

    /// Calls `body` with the bytes of the file, unpacked; they are valid only inside it.
    public func withContents<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(bytes.buffer))
    }

    /// The number of rows, with those left out.
    public var rowCount: Int { labels.count }

    /// The label of a usable row: a place in `labelNames`, or a `LabelCode` where a task asks for more or else than a class.
    public func label(ofRow row: Int) -> Int {
        precondition(labels[row] >= 0, "row \(row) of \(name) was left out")
        return labels[row]
    }

    /// Calls `body` with the text of a row and the second text of a pair, in UTF-8; they are valid only inside it.
    ///
    /// - Parameter scratch: space for texts that are stored with quotes or escapes; one for each thread.
    public func withText<Result>(
        ofRow row: Int, scratch: inout [UInt8],
        _ body: (_ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>?) throws -> Result
    ) rethrows -> Result {
        let file = bytes.buffer
        let spans = pairs.isEmpty ? [texts[row]] : [texts[row], pairs[row]]
        if spans.allSatisfy({ $0.encoding == .plain }) {
            return try body(spans[0].bytes(in: file), spans.count == 2 ? spans[1].bytes(in: file) : nil)
        }
        scratch.removeAll(keepingCapacity: true)
        spans[0].decode(from: file, into: &scratch)
        let middle = scratch.count
        if spans.count == 2 { spans[1].decode(from: file, into: &scratch) }
        return try scratch.withUnsafeBufferPointer { decoded in
            let first = UnsafeBufferPointer(rebasing: decoded[..<middle])
            return try body(first, spans.count == 2 ? UnsafeBufferPointer(rebasing: decoded[middle...]) : nil)
        }
    }
}
