import Glibc

extension UnsafeBufferPointer<UInt8> {
    /// The first place of `byte` inside `range`.
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        guard let base = baseAddress, !range.isEmpty else { return nil }
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a search must stay inside its buffer")
        guard let found = memchr(base + range.lowerBound, Int32(byte), range.count) else { return nil }
        return UnsafeRawPointer(base).distance(to: found)
    }

    /// Whether both hold the same bytes.
    func isEqual(to other: [UInt8]) -> Bool {
        guard count == other.count, let base = baseAddress else { return count == other.count }
        return other.withUnsafeBytes { expected in
            expected.baseAddress.map { memcmp(base, $0, count) == 0 } ?? true
        }
    }

    /// The place of the first byte that is not part of well-formed UTF-8, nil where all are.
    func firstInvalidUTF8() -> Int? {
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: span)
            return nil
        } catch {
            return error.byteOffsets.lowerBound
        }
    }
}
