/// The element types of the safetensors format that fill whole bytes.
public enum TensorType: String, Sendable, CaseIterable {
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case f8e5m2 = "F8_E5M2"
    case f8e4m3 = "F8_E4M3"
    case f8e8m0 = "F8_E8M0"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case i64 = "I64"
    case u64 = "U64"
    case f64 = "F64"
    case c64 = "C64"

    /// Bytes an element takes.
    public var size: Int {
        switch self {
        case .bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0: 1
        case .i16, .u16, .f16, .bf16: 2
        case .i32, .u32, .f32: 4
        case .i64, .u64, .f64, .c64: 8
        }
    }
}

/// Where a tensor lies in its file.
public struct TensorEntry: Sendable, Equatable {
    public let type: TensorType
    /// Row-major; empty for a scalar.
    public let shape: [Int]
    /// Offsets from the start of the file; as long as type and shape ask for.
    public let byteRange: Range<Int>

    public var elementCount: Int { byteRange.count / type.size }
}

/// The bytes that `shape` takes in `type`, or nil where that is no `Int`. Dimensions are not negative.
func byteCount(of shape: [Int], _ type: TensorType) -> Int? {
    var product = type.size
    for dimension in shape {
        let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
        if overflow { return nil }
        product = next
    }
    return product
}

/// Named tensors that can be read as floats, whatever the file that holds them.
public protocol TensorSource: Sendable {
    /// The file, as it was given.
    var path: String { get }
    /// In the order of the file.
    var names: [String] { get }
    /// Throws `TensorFileError` where there is no tensor of that name.
    func shape(of name: String) throws -> [Int]
    /// Overwrites `destination`, which has exactly as many elements as the tensor, in row-major order.
    func readFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws
}
