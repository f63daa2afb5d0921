/// Reading and writing UTF-8 scalar by scalar.
enum UTF8Scalars {
    /// The scalar that begins at `position` and its length in bytes. A maximal ill-formed part (Unicode 3.9, D93b) is
    /// read as U+FFFD with its own length. `position` is inside `bytes`.
    @inline(__always)
    static func decode(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> (scalar: UInt32, length: Int) {
        let first = UInt32(bytes[position])
        let left = bytes.count - position
        if first < 0x80 { return (first, 1) }
        if first < 0xE0 {
            guard first >= 0xC2, left > 1, isTrailing(bytes[position + 1]) else { return (0xFFFD, 1) }
            return ((first & 0x1F) << 6 | UInt32(bytes[position + 1] & 0x3F), 2)
        }
        guard left > 1, first < 0xF5 else { return (0xFFFD, 1) }
        let second = bytes[position + 1]
        if first < 0xF0 {
            let low: UInt8 = first == 0xE0 ? 0xA0 : 0x80
            let high: UInt8 = first == 0xED ? 0x9F : 0xBF
            guard second >= low, second <= high else { return (0xFFFD, 1) }
            guard left > 2, isTrailing(bytes[position + 2]) else { return (0xFFFD, 2) }
            return ((first & 0x0F) << 12 | UInt32(second & 0x3F) << 6 | UInt32(bytes[position + 2] & 0x3F), 3)
        }
        let low: UInt8 = first == 0xF0 ? 0x90 : 0x80
        let high: UInt8 = first == 0xF4 ? 0x8F : 0xBF
        guard second >= low, second <= high else { return (0xFFFD, 1) }
        guard left > 2, isTrailing(bytes[position + 2]) else { return (0xFFFD, 2) }
        guard left > 3, isTrailing(bytes[position + 3]) else { return (0xFFFD, 3) }
        let upper = (first & 0x07) << 18 | UInt32(second & 0x3F) << 12
        return (upper | UInt32(bytes[position + 2] & 0x3F) << 6 | UInt32(bytes[position + 3] & 0x3F), 4)
    }

    /// Writes a scalar at `target`, which has room for four bytes; returns its length.
    @inline(__always)
    static func encode(_ scalar: UInt32, to target: UnsafeMutablePointer<UInt8>) -> Int {
        if scalar < 0x80 {
            target[0] = UInt8(truncatingIfNeeded: scalar)
            return 1
        }
        if scalar < 0x800 {
            target[0] = 0xC0 | UInt8(truncatingIfNeeded: scalar >> 6)
            target[1] = trailing(scalar)
            return 2
        }
        if scalar < 0x10000 {
            target[0] = 0xE0 | UInt8(truncatingIfNeeded: scalar >> 12)
            target[1] = trailing(scalar >> 6)
            target[2] = trailing(scalar)
            return 3
        }
        target[0] = 0xF0 | UInt8(truncatingIfNeeded: scalar >> 18)
        target[1] = trailing(scalar >> 12)
        target[2] = trailing(scalar >> 6)
        target[3] = trailing(scalar)
        return 4
    }

    static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { room in
            guard let target = room.baseAddress else { return }
            let length = encode(scalar, to: target)
            bytes.append(contentsOf: room[0..<length])
        }
    }

    /// Offset of the first ill-formed byte, if there is one.
    static func firstError(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        var position = 0
        while position < bytes.count {
            if bytes[position] < 0x80 {
                position += 1
                continue
            }
            let (scalar, length) = decode(bytes, at: position)
            if scalar == 0xFFFD, length < 3 || bytes[position] != 0xEF { return position }
            position += length
        }
        return nil
    }

    @inline(__always)
    private static func isTrailing(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    @inline(__always)
    private static func trailing(_ scalar: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: scalar & 0x3F) }
}
