/// The few bytes of Protocol Buffers that TensorBoard's scalars need (tensorflow/core/util/event.proto and
/// tensorflow/core/framework/summary.proto), and the framing of their file (TFRecord).
struct TensorBoardEvent {
    private var message: [UInt8] = []

    /// - Parameters:
    ///   - time: seconds since 1970.
    ///   - step: from 0.
    private init(time: Double, step: Int) {
        message.append(1 << 3 | 1)
        append(littleEndian: time.bitPattern)
        appendVarint(2 << 3)
        appendVarint(UInt64(max(0, step)))
    }

    /// The first record of every file.
    static func fileVersion(time: Double) -> TensorBoardEvent {
        var event = TensorBoardEvent(time: time, step: 0)
        event.append(field: 3, Array("brain.Event:2".utf8))
        return event
    }

    /// Says that a run starts over at a step: TensorBoard forgets what older files say of this step and later ones.
    static func sessionStart(time: Double, step: Int) -> TensorBoardEvent {
        var event = TensorBoardEvent(time: time, step: step)
        let started: UInt8 = 1
        event.append(field: 7, [1 << 3, started])
        return event
    }

    static func scalars(_ scalars: [(tag: String, value: Double)], time: Double, step: Int) -> TensorBoardEvent {
        var summary = TensorBoardEvent()
        for scalar in scalars {
            var value = TensorBoardEvent()
            value.append(field: 1, Array(scalar.tag.utf8))
            value.message.append(2 << 3 | 5)
            value.append(littleEndian: Float(scalar.value).bitPattern)
            summary.append(field: 1, value.message)
        }
        var event = TensorBoardEvent(time: time, step: step)
        event.append(field: 5, summary.message)
        return event
    }

    private init() {}

    /// The event framed as a record: its length and its bytes, each followed by a masked checksum.
    var record: [UInt8] {
        var record = TensorBoardEvent()
        record.append(littleEndian: UInt64(message.count))
        record.append(littleEndian: maskedCRC32C(record.message))
        record.message += message
        record.append(littleEndian: maskedCRC32C(message))
        return record.message
    }

    private mutating func append(field: UInt64, _ bytes: [UInt8]) {
        appendVarint(field << 3 | 2)
        appendVarint(UInt64(bytes.count))
        message += bytes
    }

    private mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            message.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        message.append(UInt8(rest))
    }

    private mutating func append(littleEndian value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { message += $0 }
    }
}

/// CRC-32C (Castagnoli, RFC 3720 section 12.1), turned and shifted as TFRecord wants it.
func maskedCRC32C(_ bytes: [UInt8]) -> UInt32 {
    let checksum = crc32c(bytes)
    return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
}

package func crc32c(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { checksum, byte in
        crc32cTable[Int(UInt8(truncatingIfNeeded: checksum) ^ byte)] ^ checksum >> 8
    }
}

private let crc32cTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in
        value & 1 == 1 ? 0x82F6_3B78 ^ value >> 1 : value >> 1
    }
}
