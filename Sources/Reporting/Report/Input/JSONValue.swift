/// A JSON value (RFC 8259) whose objects keep the order of their members, as the logs of runs write tasks in order.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])

    /// Reads one value. - Returns: nil where `bytes` are anything else, such as half a line.
    package init?(_ bytes: some Sequence<UInt8>) {
        var reader = JSONReader(bytes: Array(bytes))
        guard let value = reader.document() else { return nil }
        self = value
    }

    /// A member of an object; nil where there is none, or where this is no object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    package var members: [JSONMember] {
        if case .object(let members) = self { members } else { [] }
    }

    package var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    package var double: Double? {
        if case .number(let number) = self { number } else { nil }
    }

    /// A whole number of a size that all computations with it can bear.
    package var int: Int? {
        guard let number = double, abs(number) <= 1e15 else { return nil }
        return Int(exactly: number)
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
}

package struct JSONMember: Sendable, Equatable {
    package var key: String
    package var value: JSONValue

    package init(key: String, value: JSONValue) {
        self.key = key
        self.value = value
    }
}

private struct JSONReader {
    let bytes: [UInt8]
    var place = 0
    private var depth = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() -> JSONValue? {
        guard let value = value() else { return nil }
        skipBlanks()
        return place == bytes.count ? value : nil
    }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skipBlanks() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { place += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipBlanks()
        guard next == byte else { return false }
        place += 1
        return true
    }

    private mutating func take(_ word: StaticString, as value: JSONValue) -> JSONValue? {
        let letters = word.withUTF8Buffer { Array($0) }
        guard bytes[place...].starts(with: letters) else { return nil }
        place += letters.count
        return value
    }

    private mutating func value() -> JSONValue? {
        skipBlanks()
        switch next {
        case UInt8(ascii: "{"): return nested { $0.object() }
        case UInt8(ascii: "["): return nested { $0.array() }
        case UInt8(ascii: "\""): return string().map(JSONValue.string)
        case UInt8(ascii: "t"): return take("true", as: .bool(true))
        case UInt8(ascii: "f"): return take("false", as: .bool(false))
        case UInt8(ascii: "n"): return take("null", as: .null)
        default: return number()
        }
    }

    /// Values within values, to a depth that no log reaches and the stack bears.
    private mutating func nested(_ body: (inout JSONReader) -> JSONValue?) -> JSONValue? {
        guard depth < 64 else { return nil }
        depth += 1
        defer { depth -= 1 }
        place += 1
        return body(&self)
    }

    private mutating func object() -> JSONValue? {
        var members: [JSONMember] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipBlanks()
            guard let key = string(), take(UInt8(ascii: ":")), let value = value() else { return nil }
            members.append(JSONMember(key: key, value: value))
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "}")) ? .object(members) : nil
    }

    private mutating func array() -> JSONValue? {
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            guard let value = value() else { return nil }
            elements.append(value)
        } while take(UInt8(ascii: ","))
        return take(UInt8(ascii: "]")) ? .array(elements) : nil
    }

    private mutating func number() -> JSONValue? {
        let start = place
        while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { place += 1 }
        return Double(String(decoding: bytes[start..<place], as: UTF8.self)).map(JSONValue.number)
    }

    private mutating func string() -> String? {
        guard next == UInt8(ascii: "\"") else { return nil }
        place += 1
        var decoded: [UInt8] = []
        var start = place
        while let byte = next {
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                if decoded.isEmpty { return String(decoding: bytes[start..<place - 1], as: UTF8.self) }
                return String(decoding: decoded + bytes[start..<place - 1], as: UTF8.self)
            case UInt8(ascii: "\\"):
                decoded += bytes[start..<place - 1]
                guard let scalar = escape() else { return nil }
                decoded += Array(String(scalar).utf8)
                start = place
            default: continue
            }
        }
        return nil
    }

    /// What stands behind a backslash; half a surrogate pair becomes U+FFFD.
    private mutating func escape() -> Unicode.Scalar? {
        guard let letter = next else { return nil }
        place += 1
        switch letter {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "u"):
            guard let high = codeUnit() else { return nil }
            if let scalar = Unicode.Scalar(high) { return scalar }
            let before = place
            if high < 0xDC00, take("\\u", as: .null) != nil, let low = codeUnit(), (0xDC00...0xDFFF).contains(low) {
                return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
            }
            place = before
            return "\u{FFFD}"
        default: return nil
        }
    }

    private mutating func codeUnit() -> UInt32? {
        guard place + 4 <= bytes.count else { return nil }
        defer { place += 4 }
        return UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
    }
}
