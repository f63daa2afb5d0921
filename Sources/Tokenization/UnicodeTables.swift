/// What the Rust `tokenizers` library believes about characters, unpacked from the generated text tables.
///
/// Swift's own Unicode data is of another age than the library's (which mixes several), so none of it is used here.
/// `Tests/Oracles/tokenizer_tables.py` writes the text and documents its form.
enum UnicodeTables {
    static let removed = ranges(removedText)
    static let whitespace = ranges(whitespaceText)
    static let punctuation = ranges(punctuationText)
    static let ideographs = ranges(ideographText)
    static let strippedStarters = ranges(strippedStarterText)
    static let strippedMarks = ranges(strippedMarkText)
    static let reordered = ranges(reorderedText)
    static let wordCharacters = ranges(wordCharacterText)

    /// Canonical combining classes of the marks that stripping leaves in place.
    static let survivingMarks: [UInt32: UInt8] = {
        var classes: [UInt32: UInt8] = [:]
        unpack(survivingMarkText) { first, _, _, values in classes[first] = UInt8(truncatingIfNeeded: values[0]) }
        return classes
    }()

    /// Canonical decompositions without stripped accents, by code point. Hangul syllables are not in it.
    static let decompositions: [UInt32: [UInt32]] = {
        var result: [UInt32: [UInt32]] = [:]
        unpack(decompositionText) { first, _, _, values in result[first] = values }
        return result
    }()

    /// Lower case by code point, for the scalars that lower-casing changes.
    static let lowercase: [UInt32: [UInt32]] = {
        var result: [UInt32: [UInt32]] = [0x130: [0x69, 0x307]]
        unpack(lowercaseText) { first, last, stride, values in
            for scalar in Swift.stride(from: first, through: last, by: Int(stride)) {
                result[scalar] = [values[0] + (scalar - first)]
            }
        }
        return result
    }()

    static func contains(_ scalar: UInt32, in ranges: [ClosedRange<UInt32>]) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= scalar
    }

    private static func ranges(_ text: StaticString) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        unpack(text) { first, last, _, _ in result.append(first...last) }
        return result
    }

    /// Calls `body` with the first and last code point, the stride and the values of every entry of a table's text.
    private static func unpack(_ text: StaticString, _ body: (UInt32, UInt32, UInt32, [UInt32]) -> Void) {
        text.withUTF8Buffer { bytes in
            var position = 0
            func number() -> UInt32 {
                var value: UInt32 = 0
                while position < bytes.count {
                    switch bytes[position] {
                    case 0x30...0x39: value = value << 4 | UInt32(bytes[position] - 0x30)
                    case 0x61...0x66: value = value << 4 | UInt32(bytes[position] - 0x61 + 10)
                    default: return value
                    }
                    position += 1
                }
                return value
            }
            func take(_ mark: Unicode.Scalar) -> Bool {
                guard position < bytes.count, bytes[position] == UInt8(ascii: mark) else { return false }
                position += 1
                return true
            }
            var next: UInt32 = 0
            while position < bytes.count {
                let first = next + number()
                let last = first + (take("+") ? number() : 0)
                let stride = take("/") ? number() : 1
                var values: [UInt32] = []
                while take("=") || take(">") || take(".") { values.append(number()) }
                body(first, last, stride, values)
                next = last + 1
                while take(" ") || take("\n") {}
            }
        }
    }
}
