/// What is done with a row that cannot be used.
public enum BadRowPolicy: Sendable, Equatable {
    /// The first one is thrown.
    case fail
    /// It is left out, counted, and the first few are kept for the report.
    case skip
}

/// Where the fields of every row of a file stand, and its label.
struct RowIndex {
    private(set) var texts: [FieldSpan] = []
    /// Second texts; empty where an example has only one.
    private(set) var pairs: [FieldSpan] = []
    /// By row its code; -1 where the row was left out.
    private(set) var labels: [Int] = []
    private(set) var labelNames: [String] = []
    private(set) var droppedCount = 0
    private(set) var firstDropped: [TaskFileError] = []

    private let isPaired: Bool

    static let keptProblems = 5

    /// Reads all rows of `scanner`, once.
    init(
        _ scanner: inout some RowScanner, bytes: UnsafeBufferPointer<UInt8>, file: String, columns: TaskColumns,
        labels declared: LabelSet?, onBadRow: BadRowPolicy
    ) throws {
        isPaired = columns.text.count == 2
        var table = LabelTable(declared: declared, kind: columns.kind)
        let isValid = bytes.firstInvalidUTF8() == nil
        var scratch: [UInt8] = []
        while let row = try scanner.next() {
            do throws(RowProblem) {
                if !isValid { try Self.requireUTF8(bytes, row.bytes) }
                let spans = try row.fields.get().spans
                let label = try Self.label(
                    spans[spans.count - 1], bytes, columns.labelSeparator, &table, &scratch)
                append(spans, label)
            } catch {
                let problem = TaskFileError(file: file, line: row.line, message: error.message)
                if onBadRow == .fail { throw problem }
                drop(problem)
            }
            guard self.labels.count < Int(UInt32.max) else {
                throw TaskFileError(file: file, message: "has more than \(UInt32.max) rows")
            }
        }
        let sorted = table.sorted()
        labelNames = sorted.names
        self.labels = self.labels.map { $0 < 0 ? $0 : table.final($0, sorted.places) }
    }

    var usableRows: RowSelection {
        droppedCount == 0
            ? RowSelection(all: labels.count)
            : RowSelection(rows: labels.indices.lazy.filter { labels[$0] >= 0 }.map(UInt32.init))
    }

    private mutating func append(_ spans: [FieldSpan], _ label: Int) {
        texts.append(spans[0])
        if isPaired { pairs.append(spans[1]) }
        labels.append(label)
    }

    private mutating func drop(_ problem: TaskFileError) {
        texts.append(.empty)
        if isPaired { pairs.append(.empty) }
        labels.append(-1)
        droppedCount += 1
        if firstDropped.count < Self.keptProblems { firstDropped.append(problem) }
    }

    private static func label(
        _ span: FieldSpan, _ bytes: UnsafeBufferPointer<UInt8>, _ separator: UInt8, _ table: inout LabelTable,
        _ scratch: inout [UInt8]
    ) throws(RowProblem) -> Int {
        if span.encoding == .plain { return try table.code(of: span.bytes(in: bytes), separator: separator) }
        scratch.removeAll(keepingCapacity: true)
        span.decode(from: bytes, into: &scratch)
        let separator = span.encoding == .jsonStrings ? JSONEscapes.listSeparator : separator
        return try scratch.withUnsafeBufferPointer { (label) throws(RowProblem) in
            try table.code(of: label, separator: separator)
        }
    }

    private static func requireUTF8(_ bytes: UnsafeBufferPointer<UInt8>, _ row: Range<Int>) throws(RowProblem) {
        let row = UnsafeBufferPointer(rebasing: bytes[row])
        guard let place = row.firstInvalidUTF8() else { return }
        let value = String(row[place], radix: 16, uppercase: true)
        throw RowProblem("byte \(place + 1) of the row, 0x\(value), is not UTF-8; convert the file to UTF-8")
    }
}
