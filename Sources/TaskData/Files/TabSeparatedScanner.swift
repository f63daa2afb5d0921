/// Rows of tab-separated values: one line is one row, and no character is special but the tab.
struct TabSeparatedScanner: RowScanner {
    private let bytes: UnsafeBufferPointer<UInt8>
    private var lines: LineCursor
    private let header: HeaderLine

    /// Reads the header line.
    init(_ bytes: UnsafeBufferPointer<UInt8>, columns: TaskColumns) throws(RowProblem) {
        self.bytes = bytes
        lines = LineCursor(bytes)
        let headerRange = lines.next() ?? 0..<0
        let names = bytes[headerRange].split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        header = try HeaderLine(names: names, columns: columns)
    }

    mutating func next() -> ScannedRow? {
        guard let range = lines.next() else { return nil }
        if range.isEmpty, lines.isAtBlankEnd() { return nil }
        return ScannedRow(line: lines.line, bytes: range, fields: Result { () throws(RowProblem) in try fields(range) })
    }

    private func fields(_ row: Range<Int>) throws(RowProblem) -> RowFields {
        guard !row.isEmpty else { throw RowProblem("the line is blank") }
        var spans = [FieldSpan](repeating: .empty, count: header.wanted.count)
        var start = row.lowerBound
        var column = 0
        while true {
            let tab = bytes.firstIndex(of: UInt8(ascii: "\t"), in: start..<row.upperBound)
            if let place = header.wanted.firstIndex(of: column) {
                spans[place] = try FieldSpan(start..<(tab ?? row.upperBound))
            }
            column += 1
            guard let tab else { break }
            start = tab + 1
        }
        guard column == header.columnCount else { throw header.wrongColumnCount(column) }
        return RowFields(spans: spans)
    }
}
