/// Writes a safetensors file tensor by tensor, so that no second copy of the model is ever in memory.
///
/// The same tensors in the same order give the same bytes: metadata is sorted by key, the header is padded with spaces to a
/// multiple of eight bytes.
public final class SafetensorsWriter {
    /// What the header says of a tensor.
    public struct Tensor: Sendable, Equatable {
        public let name: String
        /// F32 or BF16.
        public let type: TensorType
        public let shape: [Int]

        public init(_ name: String, _ type: TensorType = .f32, shape: [Int]) {
            self.name = name
            self.type = type
            self.shape = shape
        }
    }

    private let output: OutputFile
    private var waiting: ArraySlice<Tensor>

    init(_ output: OutputFile, tensors: [Tensor], metadata: [String: String]) throws {
        self.output = output
        waiting = tensors[...]
        let header = try Self.header(of: tensors, metadata: metadata, file: output.path)
        try output.write((0..<8).map { UInt8(truncatingIfNeeded: header.count >> ($0 * 8)) } + header)
    }

    /// Writes a file at `path`, replacing one that is there only when the new one is whole and on disk. `body` writes the
    /// tensors in the order of `tensors`. Returns the file's SHA-256.
    @discardableResult
    public static func write(
        toFile path: String, tensors: [Tensor], metadata: [String: String] = ["format": "pt"],
        _ body: (SafetensorsWriter) throws -> Void
    ) throws -> String {
        let operations = FileOperations()
        let draft = "\(path).tmp-\(randomSuffix())"
        do {
            let output = try OutputFile(draft, operations: operations)
            let writer = try SafetensorsWriter(output, tensors: tensors, metadata: metadata)
            try body(writer)
            try writer.finish()
            let digest = try output.finish()
            try operations.rename(draft, to: path)
            try operations.syncFolder(parentFolder(of: path))
            return digest
        } catch {
            if operations.kind(of: draft) != nil { try? operations.remove(draft) }
            throw error
        }
    }

    /// Writes the next tensor, which must be `name`, from all its elements in row-major order.
    public func write(_ name: String, _ values: UnsafeBufferPointer<Float>) throws {
        let tensor = try takeNext(name, count: values.count)
        if tensor.type == .f32 { return try output.write(UnsafeRawBufferPointer(values)) }
        try withChunks(of: values.count) { range, chunk in
            narrowToBFloat16(UnsafeBufferPointer(rebasing: values[range]), into: chunk)
            try output.write(UnsafeRawBufferPointer(start: chunk, count: range.count * 2))
        }
    }

    /// Writes the next tensor, which must be `name`, from what `fill` puts into the buffers it is given: the elements from
    /// the given index on, in row-major order, as many as the buffer has.
    public func write(
        _ name: String, fill: (_ firstElement: Int, _ destination: UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        let tensor = try takeNext(name, count: nil)
        let count = tensor.shape.reduce(1, *)
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(count, chunkLength))
        defer { buffer.deallocate() }
        buffer.initialize(repeating: 0)
        try withChunks(of: count) { range, chunk in
            let piece = UnsafeMutableBufferPointer(rebasing: buffer.prefix(range.count))
            try fill(range.lowerBound, piece)
            if tensor.type == .f32 {
                try output.write(UnsafeRawBufferPointer(piece))
            } else {
                narrowToBFloat16(UnsafeBufferPointer(piece), into: chunk)
                try output.write(UnsafeRawBufferPointer(start: chunk, count: range.count * 2))
            }
        }
    }

    /// Throws where tensors were declared but not written.
    func finish() throws {
        if let missing = waiting.first {
            throw TensorFileError(file: output.path, tensor: missing.name, "was declared but not written")
        }
    }

    private let chunkLength = 1 << 16

    private func withChunks(of count: Int, _ body: (Range<Int>, UnsafeMutablePointer<UInt16>) throws -> Void) throws {
        let chunk = UnsafeMutablePointer<UInt16>.allocate(capacity: min(count, chunkLength))
        defer { chunk.deallocate() }
        for start in stride(from: 0, to: count, by: chunkLength) {
            try body(start..<min(start + chunkLength, count), chunk)
        }
    }

    private func takeNext(_ name: String, count: Int?) throws -> Tensor {
        guard let tensor = waiting.first else {
            throw TensorFileError(file: output.path, tensor: name, "is written after the last one declared")
        }
        guard tensor.name == name else {
            throw TensorFileError(
                file: output.path, tensor: name, "is written where \(quoted(tensor.name)) was declared")
        }
        let declared = tensor.shape.reduce(1, *)
        if let count, count != declared {
            throw TensorFileError(
                file: output.path, tensor: name,
                "has \(count) elements where its shape \(tensor.shape) has \(declared)")
        }
        waiting.removeFirst()
        return tensor
    }

    // MARK: Header

    private static func header(of tensors: [Tensor], metadata: [String: String], file: String) throws -> [UInt8] {
        var entries: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(json($0.key)):\(json($0.value))" }
            entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var names: Set<String> = ["__metadata__"]
        var offset = 0
        for tensor in tensors {
            func failure(_ problem: String) -> TensorFileError { .init(file: file, tensor: tensor.name, problem) }
            guard names.insert(tensor.name).inserted else { throw failure("is declared twice, or has a reserved name") }
            guard [.f32, .bf16].contains(tensor.type) else {
                throw failure("is declared as \(tensor.type.rawValue); F32 and BF16 are written")
            }
            guard tensor.shape.allSatisfy({ $0 >= 0 }), let size = byteCount(of: tensor.shape, tensor.type),
                offset <= Int.max - size
            else { throw failure("has the impossible shape \(tensor.shape)") }
            guard offset % tensor.type.size == 0 else {
                throw failure("would begin at the odd offset \(offset); declare tensors of F32 before those of BF16")
            }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                "\(json(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(offset + size)]}")
            offset += size
        }
        let text = Array("{\(entries.joined(separator: ","))}".utf8)
        let padding = (8 - text.count % 8) % 8
        guard text.count + padding <= SafetensorsHeader.maximumSize else {
            throw TensorFileError(file: file, "would have a header of more than \(SafetensorsHeader.maximumSize) bytes")
        }
        return text + [UInt8](repeating: UInt8(ascii: " "), count: padding)
    }

    private static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
