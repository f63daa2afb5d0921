/// The escapes of a JSON string (RFC 8259, section 7).
enum JSONEscapes {
    /// The scalar that the escape at `position`, a backslash, stands for; `position` moves behind it.
    ///
    /// Surrogates count only as pairs: half of one is no text.
    static func scalar(
        _ bytes: UnsafeBufferPointer<UInt8>, at position: inout Int
    ) throws(RowProblem) -> Unicode.Scalar {
        guard position + 1 < bytes.count else { throw RowProblem("the string ends inside an escape") }
        let kind = bytes[position + 1]
        position += 2
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(kind)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeScalar(bytes, at: &position)
        default: throw RowProblem("\\\(Unicode.Scalar(kind)) is not an escape of JSON")
        }
    }

    /// Appends the text of `bytes`, whose escapes are well-formed, in UTF-8.
    static func decode(_ bytes: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        var position = 0
        while position < bytes.count {
            if bytes[position] != UInt8(ascii: "\\") {
                output.append(bytes[position])
                position += 1
            } else if let scalar = try? scalar(bytes, at: &position) {
                output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    /// Between the elements that `decodeList` appends: the unit separator, which no label holds unescaped.
    static let listSeparator: UInt8 = 0x1F

    /// Appends the elements of an array of strings and integers, which is well-formed, with separators between them.
    static func decodeList(_ bytes: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        var position = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let start = position + 1
                position = start
                while bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
                decode(UnsafeBufferPointer(rebasing: bytes[start..<position]), into: &output)
            case UInt8(ascii: ","): output.append(listSeparator)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): output.append(bytes[position])
            default: break
            }
            position += 1
        }
    }

    private static func unicodeScalar(
        _ bytes: UnsafeBufferPointer<UInt8>, at position: inout Int
    ) throws(RowProblem) -> Unicode.Scalar {
        let first = try codeUnit(bytes, at: &position)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { throw RowProblem("\\u\(String(first, radix: 16)) is half of a surrogate pair") }
        position += 2
        let second = try codeUnit(bytes, at: &position)
        guard UTF16.isTrailSurrogate(second) else {
            throw RowProblem("\\u\(String(first, radix: 16)) is half of a surrogate pair")
        }
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private static func codeUnit(
        _ bytes: UnsafeBufferPointer<UInt8>, at position: inout Int
    ) throws(RowProblem) -> UInt16 {
        guard position + 4 <= bytes.count else { throw RowProblem("\\u needs four hexadecimal digits") }
        var unit: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw RowProblem("\\u needs four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
        }
        position += 4
        return unit
    }
}
