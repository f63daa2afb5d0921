/// A reader of the one JSON shape that a safetensors header has: an object of objects of strings and arrays of integers.
/// It does not recurse, so nesting cannot exhaust the stack, and it refuses what it does not know.
struct HeaderParser {
    private let bytes: [UInt8]
    private let file: String
    private var position = 0
    /// The tensor being parsed, for messages.
    var tensor: String?

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    private func failure(_ problem: String) -> TensorFileError { .init(file: file, tensor: tensor, problem) }

    private func malformed(_ expected: String) -> TensorFileError {
        let found = position < bytes.count ? quoted(String(UnicodeScalar(bytes[position]))) : "its end"
        let place = tensor == nil ? "the header has" : "has, in the header,"
        return failure("\(place) \(found) at byte \(position) where \(expected) belongs")
    }

    // MARK: Parts of the header

    mutating func parseMetadata() throws -> [String: String] {
        var result: [String: String] = [:]
        try parseObject { parser, key in
            if result[key] != nil { throw parser.failure("the metadata has two entries \(quoted(key))") }
            result[key] = try parser.parseString()
        }
        return result
    }

    mutating func parseTensor(data: Range<Int>) throws -> TensorEntry {
        var type: TensorType?
        var shape: [Int]?
        var offsets: [Int]?
        try parseObject { parser, key in
            let isRepeated: Bool
            switch key {
            case "dtype":
                isRepeated = type != nil
                let name = try parser.parseString()
                type = TensorType(rawValue: name)
                if type == nil { throw parser.failure("has the unknown dtype \(quoted(name))") }
            case "shape":
                isRepeated = shape != nil
                shape = try parser.parseIntegers(atMost: SafetensorsHeader.maximumRank, of: "dimensions")
            case "data_offsets":
                isRepeated = offsets != nil
                offsets = try parser.parseIntegers(atMost: 2, of: "data_offsets")
            default: throw parser.failure("has the unknown field \(quoted(key))")
            }
            if isRepeated { throw parser.failure("has the field \(quoted(key)) twice") }
        }
        guard let type else { throw failure("has no dtype") }
        guard let shape else { throw failure("has no shape") }
        guard let offsets, offsets.count == 2 else { throw failure("has no two data_offsets") }
        let (start, end) = (offsets[0], offsets[1])
        guard start <= end else { throw failure("ends at byte \(end), before its start at \(start)") }
        guard end <= data.count else {
            throw failure("ends at byte \(end) of the data, but the file holds only \(data.count)")
        }
        guard let size = byteCount(of: shape, type) else {
            throw failure("has the shape \(shape), more elements than can be addressed")
        }
        guard size == end - start else {
            throw failure("takes \(end - start) bytes, but \(type.rawValue) of shape \(shape) takes \(size)")
        }
        return TensorEntry(type: type, shape: shape, byteRange: data.lowerBound + start..<data.lowerBound + end)
    }

    mutating func parseEnd() throws {
        skipSpace()
        if position < bytes.count { throw malformed("only white space") }
    }

    // MARK: JSON

    /// Calls `body` before each value, which `body` must parse.
    mutating func parseObject(_ body: (inout Self, String) throws -> Void) throws {
        try expect("{", "an object")
        if take("}") { return }
        repeat {
            let key = try parseString()
            try expect(":", "':'")
            try body(&self, key)
        } while take(",")
        try expect("}", "',' or '}'")
    }

    private mutating func parseIntegers(atMost limit: Int, of what: String) throws -> [Int] {
        try expect("[", "an array")
        if take("]") { return [] }
        var result: [Int] = []
        repeat {
            if result.count == limit { throw failure("has more than \(limit) \(what)") }
            result.append(try parseInteger())
        } while take(",")
        try expect("]", "',' or ']'")
        return result
    }

    /// Digits alone: what a sign, a fraction or an exponent could mean for a size is not worth guessing.
    private mutating func parseInteger() throws -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit <= 9 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            if overflow || carry { throw failure("has a number at byte \(start) of the header that is too large") }
            value = sum
            position += 1
        }
        let hasLeadingZero = position - start > 1 && bytes[start] == UInt8(ascii: "0")
        let goesOn = position < bytes.count && ".eE".utf8.contains(bytes[position])
        guard position > start, !hasLeadingZero, !goesOn else { throw malformed("a whole number, not negative,") }
        return value
    }

    private mutating func parseString() throws -> String {
        try expect("\"", "a string")
        var content: [UInt8] = []
        var start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                content += bytes[start..<position]
                guard let result = String(validating: content, as: UTF8.self) else {
                    throw failure("the string that ends at byte \(position) of the header is not UTF-8")
                }
                position += 1
                return result
            case UInt8(ascii: "\\"):
                content += bytes[start..<position]
                position += 1
                content += String(try parseEscape()).utf8
                start = position
            case 0..<0x20: throw malformed("an escaped control character")
            default: position += 1
            }
        }
        throw malformed("'\"'")
    }

    private mutating func parseEscape() throws -> UnicodeScalar {
        guard position < bytes.count else { throw malformed("an escape") }
        position += 1
        switch bytes[position - 1] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let first = try parseCodeUnit()
            var value = UInt32(first)
            if UTF16.isLeadSurrogate(first), bytes[position...].starts(with: "\\u".utf8) {
                position += 2
                let second = try parseCodeUnit()
                guard UTF16.isTrailSurrogate(second) else { throw malformed("the second half of a surrogate pair") }
                value = 0x10000 + (value - 0xD800) << 10 + (UInt32(second) - 0xDC00)
            }
            guard let scalar = UnicodeScalar(value) else { throw malformed("the second half of a surrogate pair") }
            return scalar
        default:
            position -= 1
            throw malformed("an escape")
        }
    }

    private mutating func parseCodeUnit() throws -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard position < bytes.count, let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue else {
                throw malformed("a hexadecimal digit")
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }

    private mutating func skipSpace() {
        while position < bytes.count, " \n\r\t".utf8.contains(bytes[position]) { position += 1 }
    }

    private mutating func take(_ character: UnicodeScalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ character: UnicodeScalar, _ name: String) throws {
        guard take(character) else { throw malformed(name) }
    }
}
