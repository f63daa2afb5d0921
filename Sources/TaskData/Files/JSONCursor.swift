/// A value of a JSON object, as far as a task file looks at it.
enum JSONValue {
    case string(FieldSpan)
    case integer(FieldSpan)
    /// With a fraction or an exponent.
    case fraction(FieldSpan)
    /// An array of nothing but strings and integers.
    case list(FieldSpan)
    case other(String)

    /// What it is, for an error.
    var kind: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .fraction: "a number with a fraction or exponent"
        case .list: "an array"
        case .other(let kind): kind
        }
    }
}

/// Reads one JSON object in place (RFC 8259), copying nothing.
struct JSONCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let start: Int
    private let end: Int
    private var position: Int
    private static let deepestNesting = 64

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
        self.bytes = bytes
        start = range.lowerBound
        position = range.lowerBound
        end = range.upperBound
    }

    /// Reads the object that fills the range. `member` gets each key and must read the value behind it.
    mutating func readObject(
        member: (_ key: FieldSpan, _ cursor: inout JSONCursor) throws(RowProblem) -> Void
    ) throws(RowProblem) {
        skipBlanks()
        guard peek() == UInt8(ascii: "{") else { throw problem("an object was expected") }
        try readMembers(member)
        skipBlanks()
        guard position == end else { throw problem("something stands behind the object") }
    }

    mutating func readValue(depth: Int = 0) throws(RowProblem) -> JSONValue {
        skipBlanks()
        guard depth < Self.deepestNesting else { throw problem("more than \(Self.deepestNesting) levels of nesting") }
        switch peek() {
        case UInt8(ascii: "\""): return .string(try readString())
        case UInt8(ascii: "{"):
            try readMembers { (_, cursor) throws(RowProblem) in _ = try cursor.readValue(depth: depth + 1) }
            return .other("an object")
        case UInt8(ascii: "["):
            let first = position
            guard try readElements(depth: depth + 1) else { return .other("an array") }
            return .list(try FieldSpan(first..<position, .jsonStrings))
        case UInt8(ascii: "t"): return try readWord("true", kind: "a boolean")
        case UInt8(ascii: "f"): return try readWord("false", kind: "a boolean")
        case UInt8(ascii: "n"): return try readWord("null", kind: "null")
        default: return try readNumber()
        }
    }

    private mutating func readMembers(
        _ member: (_ key: FieldSpan, _ cursor: inout JSONCursor) throws(RowProblem) -> Void
    ) throws(RowProblem) {
        position += 1
        skipBlanks()
        if take("}") { return }
        repeat {
            skipBlanks()
            guard peek() == UInt8(ascii: "\"") else { throw problem("a key in quotes was expected") }
            let key = try readString()
            skipBlanks()
            guard take(":") else { throw problem("':' was expected") }
            try member(key, &self)
            skipBlanks()
        } while take(",")
        guard take("}") else { throw problem("',' or '}' was expected") }
    }

    /// - Returns: whether there are only strings and integers.
    private mutating func readElements(depth: Int) throws(RowProblem) -> Bool {
        position += 1
        skipBlanks()
        if take("]") { return true }
        var isPlain = true
        repeat {
            switch try readValue(depth: depth) {
            case .string, .integer: break
            default: isPlain = false
            }
            skipBlanks()
        } while take(",")
        guard take("]") else { throw problem("',' or ']' was expected") }
        return isPlain
    }

    private mutating func readString() throws(RowProblem) -> FieldSpan {
        let content = position + 1
        var encoding = FieldSpan.Encoding.plain
        position = content
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return try FieldSpan(content..<(position - 1), encoding)
            }
            guard byte >= 0x20 else { throw problem("a control character inside a string must be escaped") }
            if byte == UInt8(ascii: "\\") {
                encoding = .jsonEscapes
                let rest = UnsafeBufferPointer(rebasing: bytes[position..<end])
                var offset = 0
                do {
                    _ = try JSONEscapes.scalar(rest, at: &offset)
                } catch {
                    throw problem(error.message)
                }
                position += offset
            } else {
                position += 1
            }
        }
        throw problem("a string is not closed")
    }

    /// A number: an optional minus, digits without a leading zero, then optionally a fraction and an exponent.
    private mutating func readNumber() throws(RowProblem) -> JSONValue {
        let first = position
        _ = take("-")
        let leadingZero = peek() == UInt8(ascii: "0")
        let digits = skipDigits()
        guard digits > 0, !(leadingZero && digits > 1) else {
            position = first
            throw problem("a value was expected")
        }
        var isInteger = true
        if take(".") {
            isInteger = false
            guard skipDigits() > 0 else { throw problem("digits were expected after '.'") }
        }
        if take("e") || take("E") {
            isInteger = false
            if !take("+") { _ = take("-") }
            guard skipDigits() > 0 else { throw problem("digits were expected in the exponent") }
        }
        let span = try FieldSpan(first..<position)
        return isInteger ? .integer(span) : .fraction(span)
    }

    private mutating func readWord(_ word: StaticString, kind: String) throws(RowProblem) -> JSONValue {
        let matches = word.withUTF8Buffer { bytes[position..<end].starts(with: $0) }
        guard matches else { throw problem("a value was expected") }
        position += word.utf8CodeUnitCount
        return .other(kind)
    }

    private mutating func skipDigits() -> Int {
        let first = position
        while let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        return position - first
    }

    private mutating func skipBlanks() {
        while let byte = peek(), byte == 0x20 || byte == 0x09 || byte == 0x0D { position += 1 }
    }

    private func peek() -> UInt8? {
        position < end ? bytes[position] : nil
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private func problem(_ message: String) -> RowProblem {
        RowProblem("not valid JSON at byte \(position - start + 1) of the line: \(message)")
    }
}
