/// Rows of comma-separated values (RFC 4180): a quoted field may hold commas, line ends and doubled quotes.
struct CommaSeparatedScanner: RowScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var lines: LineCursor
    private var header: HeaderLine?
    private let file: String

    /// Reads the header row.
    init(_ bytes: UnsafeBufferPointer<UInt8>, columns: TaskColumns, file: String) throws {
        self.bytes = bytes
        self.file = file
        lines = LineCursor(bytes)
        var names: [String] = []
        if let line = lines.next() {
            let row = try record(startingWith: line)
            if let problem = row.problem { throw problem }
            names = row.spans.map { $0.string(in: bytes) }
        }
        header = try HeaderLine(names: names, columns: columns)
    }

    mutating func next() throws -> ScannedRow? {
        guard let header, let line = lines.next() else { return nil }
        if line.isEmpty, lines.isAtBlankEnd() { return nil }
        let number = lines.line
        guard !line.isEmpty else {
            return ScannedRow(line: number, bytes: line, fields: .failure(RowProblem("the line is blank")))
        }
        let row = try record(startingWith: line)
        let fields: Result<RowFields, RowProblem>
        if let problem = row.problem {
            fields = .failure(problem)
        } else if row.spans.count != header.columnCount {
            fields = .failure(header.wrongColumnCount(row.spans.count))
        } else {
            fields = .success(RowFields(spans: header.wanted.map { row.spans[$0] }))
        }
        return ScannedRow(line: number, bytes: row.bytes, fields: fields)
    }

    private struct Record {
        var spans: [FieldSpan] = []
        var bytes: Range<Int>
        var problem: RowProblem?
    }

    /// The record that begins with `line`, read on over further lines while a quote is open.
    ///
    /// - Throws: `TaskFileError` for a quote that is never closed: no row behind it can be trusted.
    private mutating func record(startingWith line: Range<Int>) throws -> Record {
        var record = Record(bytes: line)
        var position = line.lowerBound
        var end = line.upperBound
        do {
            while true {
                if position < end, bytes[position] == UInt8(ascii: "\"") {
                    let field = try quotedField(openedAt: position, lineEnd: &end)
                    record.spans.append(field.span)
                    position = field.next
                } else {
                    let comma = bytes.firstIndex(of: UInt8(ascii: ","), in: position..<end)
                    let field = position..<(comma ?? end)
                    if bytes.firstIndex(of: UInt8(ascii: "\""), in: field) != nil {
                        throw RowProblem("a quote inside a field that does not begin with one")
                    }
                    record.spans.append(try FieldSpan(field))
                    position = field.upperBound
                }
                guard position < end else { break }
                guard bytes[position] == UInt8(ascii: ",") else {
                    throw RowProblem("characters between a closing quote and the next comma")
                }
                position += 1
            }
        } catch let problem as RowProblem {
            record.problem = problem
        }
        record.bytes = line.lowerBound..<end
        return record
    }

    /// The field whose opening quote stands at `open`, and the place behind its closing quote; `lineEnd` moves to the
    /// end of the line that the field ends on.
    private mutating func quotedField(openedAt open: Int, lineEnd: inout Int) throws -> (span: FieldSpan, next: Int) {
        let openedOn = lines.line
        var position = open + 1
        var encoding = FieldSpan.Encoding.plain
        while true {
            guard let quote = bytes.firstIndex(of: UInt8(ascii: "\""), in: position..<lineEnd) else {
                guard let next = lines.next() else {
                    throw TaskFileError(file: file, line: openedOn, message: "a quote is opened and never closed")
                }
                position = next.lowerBound
                lineEnd = next.upperBound
                continue
            }
            position = quote + 1
            guard position < lineEnd, bytes[position] == UInt8(ascii: "\"") else {
                return (try FieldSpan((open + 1)..<quote, encoding), position)
            }
            encoding = .doubledQuotes
            position += 1
        }
    }
}
