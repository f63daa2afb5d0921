/// A safetensors file open for reading. Its header was checked whole before any tensor can be asked for.
///
/// Errors are `TensorFileError` for what the file holds and `FileSystemError` for what the operating system refuses.
public final class SafetensorsFile: TensorSource {
    public let path: String
    /// What the header says under `__metadata__`.
    public let metadata: [String: String]
    public let names: [String]
    public let tensors: [String: TensorEntry]
    private let file: InputFile

    /// Opens `path` and reads its header; memory is bounded by a small multiple of the header's size.
    public init(_ path: String) throws {
        let file = try InputFile(path)
        guard file.size >= 8 else {
            throw TensorFileError(file: path, "has \(file.size) bytes, too short for a safetensors file")
        }
        let declared = try file.bytes(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard declared <= SafetensorsHeader.maximumSize else {
            throw TensorFileError(
                file: path,
                "declares a header of \(declared) bytes; at most \(SafetensorsHeader.maximumSize) are allowed")
        }
        let dataStart = 8 + Int(declared)
        guard dataStart <= file.size else {
            throw TensorFileError(file: path, "declares a header of \(declared) bytes, but has \(file.size) in all")
        }
        let header = try SafetensorsHeader(
            file.bytes(8..<dataStart), file: path, data: dataStart..<file.size)
        self.path = path
        self.file = file
        metadata = header.metadata
        names = header.names
        tensors = header.tensors
    }

    public func shape(of name: String) throws -> [Int] { try entry(name).shape }

    /// Reads a tensor of F32, F16, BF16 or F64 as floats; F64 is rounded to nearest, the others are exact.
    public func readFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
        let entry = try entry(name)
        guard [.f32, .f16, .bf16, .f64].contains(entry.type) else {
            throw TensorFileError(
                file: path, tensor: name, "has the dtype \(entry.type.rawValue) where F32, F16, BF16 or F64 is needed")
        }
        guard destination.count == entry.elementCount else {
            throw TensorFileError(
                file: path, tensor: name,
                "has \(entry.elementCount) elements (shape \(entry.shape)) where \(destination.count) are needed")
        }
        try Checkpoints.readFloats(from: file, entry.byteRange, as: entry.type, into: destination)
    }

    /// Reads a tensor of any integer type or BOOL (0 and 1).
    public func readIntegers(_ name: String) throws -> [Int64] {
        let entry = try entry(name)
        var result: [Int64] = []
        result.reserveCapacity(entry.elementCount)
        try file.forEachChunk(of: entry.byteRange) { chunk in
            switch entry.type {
            case .i64: result.append(contentsOf: chunk.bindMemory(to: Int64.self))
            case .i32: result.append(contentsOf: chunk.bindMemory(to: Int32.self).lazy.map(Int64.init))
            case .u32: result.append(contentsOf: chunk.bindMemory(to: UInt32.self).lazy.map(Int64.init))
            case .i16: result.append(contentsOf: chunk.bindMemory(to: Int16.self).lazy.map(Int64.init))
            case .u16: result.append(contentsOf: chunk.bindMemory(to: UInt16.self).lazy.map(Int64.init))
            case .i8: result.append(contentsOf: chunk.bindMemory(to: Int8.self).lazy.map(Int64.init))
            case .u8, .bool: result.append(contentsOf: chunk.lazy.map(Int64.init))
            case .u64:
                for value in chunk.bindMemory(to: UInt64.self) {
                    guard let signed = Int64(exactly: value) else {
                        throw TensorFileError(file: path, tensor: name, "holds \(value), too large for an Int64")
                    }
                    result.append(signed)
                }
            default:
                throw TensorFileError(
                    file: path, tensor: name, "has the dtype \(entry.type.rawValue) where integers are needed")
            }
        }
        return result
    }

    private func entry(_ name: String) throws -> TensorEntry {
        guard let entry = tensors[name] else {
            throw TensorFileError(file: path, "has no tensor \(quoted(name))")
        }
        return entry
    }
}
