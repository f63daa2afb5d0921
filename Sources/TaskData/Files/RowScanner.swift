/// The columns of a file that become an example.
public struct TaskColumns: Sendable, Equatable {
    /// One column of text, or two for a pair.
    public let text: [String]
    public let label: String
    /// What the label column holds.
    public let kind: TaskKind
    /// What stands between the labels of an example that may have several; an ASCII character.
    public let labelSeparator: UInt8

    /// - Precondition: one or two text columns.
    public init(
        text: [String] = ["text"], label: String = "label", kind: TaskKind = .singleLabel,
        labelSeparator: UInt8 = UInt8(ascii: ",")
    ) {
        precondition((1...2).contains(text.count), "an example has one text or a pair")
        self.text = text
        self.label = label
        self.kind = kind
        self.labelSeparator = labelSeparator
    }

    /// Text columns first, the label last.
    var all: [String] { text + [label] }
}

/// The fields of one row that the task uses.
struct RowFields {
    /// Of the text columns in order, then of the label.
    let spans: [FieldSpan]
}

/// One row of a file as a scanner found it.
struct ScannedRow {
    /// The line that it begins on, counted from 1.
    let line: Int
    /// Its bytes in the file, without the line's end.
    let bytes: Range<Int>
    let fields: Result<RowFields, RowProblem>
}

/// Splits a file's bytes into rows. A row that is wrong in itself does not end the scan; a thrown error does.
protocol RowScanner {
    /// The next row, nil at the end of the file.
    mutating func next() throws -> ScannedRow?
}

/// Finds where lines end.
struct LineCursor {
    let bytes: UnsafeBufferPointer<UInt8>
    private var position: Int
    /// The first byte from some earlier position on that is not part of a blank line.
    private var nextContent = -1
    /// The number of the line that `next()` returned last, counted from 1.
    private(set) var line = 0

    /// Starts behind a byte order mark, if there is one.
    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    /// The next line without its end (`\n` or `\r\n`), nil at the end of the file.
    mutating func next() -> Range<Int>? {
        guard position < bytes.count else { return nil }
        line += 1
        let start = position
        let newline = bytes.firstIndex(of: UInt8(ascii: "\n"), in: start..<bytes.count)
        position = newline.map { $0 + 1 } ?? bytes.count
        var end = newline ?? bytes.count
        if end > start, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        return start..<end
    }

    /// Whether nothing but blank lines is left.
    mutating func isAtBlankEnd() -> Bool {
        if nextContent < position {
            nextContent =
                bytes[position...].firstIndex { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") } ?? bytes.count
        }
        return nextContent == bytes.count
    }
}
