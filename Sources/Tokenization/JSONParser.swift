/// Recursive descent over RFC 8259, at most `deepest` levels deep.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let file: String?
    private var position = 0
    private var line = 1

    private static let deepest = 128

    init(bytes: UnsafeBufferPointer<UInt8>, file: String?) {
        self.bytes = bytes
        self.file = file
    }

    mutating func parseDocument() throws -> JSONDocument {
        let document = try value(depth: 0)
        skipSpace()
        if position < bytes.count { throw error("something follows the end of the JSON value") }
        return document
    }

    private func error(_ problem: String) -> TokenizerError {
        TokenizerError("broken JSON: \(problem)", file: file, line: line)
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x0A: line += 1
            case 0x20, 0x09, 0x0D: break
            default: return
            }
            position += 1
        }
    }

    private mutating func take(_ mark: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
        position += 1
        return true
    }

    private mutating func takeWord(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard position + length <= bytes.count,
            word.withUTF8Buffer({ $0.elementsEqual(bytes[position..<(position + length)]) })
        else { return false }
        position += length
        return true
    }

    private mutating func value(depth: Int) throws -> JSONDocument {
        guard depth < Self.deepest else { throw error("more than \(Self.deepest) levels deep") }
        skipSpace()
        let start = line
        guard position < bytes.count else { throw error("the file ends where a value should stand") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return JSONDocument(.object(try members(depth: depth)), line: start)
        case UInt8(ascii: "["): return JSONDocument(.array(try elements(depth: depth)), line: start)
        case UInt8(ascii: "\""): return JSONDocument(.string(try string()), line: start)
        default: break
        }
        if takeWord("true") { return JSONDocument(.bool(true), line: start) }
        if takeWord("false") { return JSONDocument(.bool(false), line: start) }
        if takeWord("null") { return JSONDocument(.null, line: start) }
        return JSONDocument(.number(try number()), line: start)
    }

    private mutating func members(depth: Int) throws -> [(key: [UInt8], value: JSONDocument)] {
        position += 1
        var members: [(key: [UInt8], value: JSONDocument)] = []
        if take("}") { return members }
        repeat {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw error("a key in quotation marks should stand here")
            }
            let key = try string()
            guard take(":") else { throw error("a colon should follow a key") }
            members.append((key, try value(depth: depth + 1)))
        } while take(",")
        guard take("}") else { throw error("a comma or } should follow a member") }
        return members
    }

    private mutating func elements(depth: Int) throws -> [JSONDocument] {
        position += 1
        var elements: [JSONDocument] = []
        if take("]") { return elements }
        repeat { elements.append(try value(depth: depth + 1)) } while take(",")
        guard take("]") else { throw error("a comma or ] should follow an element") }
        return elements
    }

    private mutating func number() throws -> Double {
        let start = position
        while position < bytes.count, Self.isNumeric(bytes[position]) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard start < position, let number = Double(text) else { throw error("a value should stand here") }
        return number
    }

    private static func isNumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func string() throws -> [UInt8] {
        position += 1
        var result: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return result
            case UInt8(ascii: "\\"): try escape(into: &result)
            case 0..<0x20: throw error("a control character inside a string")
            default: result.append(byte)
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(into result: inout [UInt8]) throws {
        guard position < bytes.count else { throw error("a string does not end") }
        let mark = bytes[position]
        position += 1
        switch mark {
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(mark)
        case UInt8(ascii: "u"):
            var scalar = try hexadecimal()
            if (0xD800..<0xDC00).contains(scalar), takeWord("\\u") {
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw error("half a surrogate pair") }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard !(0xD800..<0xE000).contains(scalar) else { throw error("half a surrogate pair") }
            UTF8Scalars.append(scalar, to: &result)
        default: throw error("an unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws -> UInt32 {
        guard position + 4 <= bytes.count,
            bytes[position..<(position + 4)].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let number = UInt32(String(decoding: bytes[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw error("\\u needs four hexadecimal digits") }
        position += 4
        return number
    }
}
