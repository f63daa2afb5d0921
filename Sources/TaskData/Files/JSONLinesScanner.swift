/// Rows of JSON Lines: every line is one object (RFC 8259), whose members are the columns.
struct JSONLinesScanner: RowScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var lines: LineCursor
    private let wanted: [String]
    private let kind: TaskKind

    init(_ bytes: UnsafeBufferPointer<UInt8>, columns: TaskColumns) {
        self.bytes = bytes
        wanted = columns.all
        kind = columns.kind
        lines = LineCursor(bytes)
    }

    mutating func next() -> ScannedRow? {
        guard let range = lines.next() else { return nil }
        if range.isEmpty, lines.isAtBlankEnd() { return nil }
        return ScannedRow(line: lines.line, bytes: range, fields: Result { () throws(RowProblem) in try fields(range) })
    }

    private func fields(_ row: Range<Int>) throws(RowProblem) -> RowFields {
        guard !row.isEmpty else { throw RowProblem("the line is blank") }
        var spans = [FieldSpan?](repeating: nil, count: wanted.count)
        var keys: [String] = []
        var json = JSONCursor(bytes, row)
        try json.readObject { (key, json) throws(RowProblem) in
            let name = key.string(in: bytes)
            if keys.count < 20 { keys.append(name) }
            let value = try json.readValue()
            guard let column = wanted.firstIndex(of: name) else { return }
            guard spans[column] == nil else { throw RowProblem("the key \"\(name)\" stands twice in the object") }
            let isLabel = column == wanted.count - 1
            switch value {
            case .string(let span): spans[column] = span
            case .integer(let span) where isLabel: spans[column] = span
            case .fraction(let span) where isLabel && kind == .regression: spans[column] = span
            case .list(let span) where isLabel && kind == .multiLabel: spans[column] = span
            default:
                let rule =
                    switch kind {
                    case _ where !isLabel: "a string"
                    case .singleLabel: "a string or an integer"
                    case .multiLabel: "a string or an array of strings"
                    case .regression: "a number"
                    }
                throw RowProblem("the value of \"\(name)\" is \(value.kind), where \(rule) is wanted")
            }
        }
        if let missing = spans.firstIndex(where: { $0 == nil }) {
            throw RowProblem(
                "the object has no key \"\(wanted[missing])\"\(suggestion(for: wanted[missing], among: keys)) "
                    + "Its keys are \(quotedList(keys))")
        }
        return RowFields(spans: spans.compactMap { $0 })
    }
}
