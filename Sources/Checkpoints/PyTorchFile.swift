/// A `pytorch_model.bin` open for reading: a dictionary of tensors that `torch.save` of PyTorch 1.6 or later wrote. Nothing
/// in it is executed.
///
/// Errors are `TensorFileError` for what the file holds and `FileSystemError` for what the operating system refuses.
public final class PyTorchFile: TensorSource {
    private static let maximumPickleSize = 1 << 24

    private struct Entry {
        let type: TensorType
        let shape: [Int]
        let strides: [Int]
        let isContiguous: Bool
        /// The bytes from the first element to the last, with what lies between.
        let byteRange: Range<Int>
    }

    public let path: String
    public let names: [String]
    private let entries: [String: Entry]
    private let file: InputFile

    public init(_ path: String) throws {
        let file = try InputFile(path)
        guard try Self.isArchive(file) else {
            throw TensorFileError(
                file: path,
                "is no archive that PyTorch 1.6 or later wrote; load and save it again with PyTorch, or use safetensors"
            )
        }
        let archive = try ZipArchive(file)
        let pickles = archive.names.filter { $0.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let pickle = pickles.first else {
            throw TensorFileError(file: path, "has \(pickles.count) members data.pkl where one is needed")
        }
        let prefix = pickle.dropLast("data.pkl".count)
        if archive.names.contains("\(prefix)byteorder") {
            let order = try archive.range(of: "\(prefix)byteorder")
            guard order.count < 16, try file.bytes(order) == Array("little".utf8) else {
                throw TensorFileError(file: path, "was written by a machine of another byte order")
            }
        }
        let range = try archive.range(of: pickle)
        guard range.count <= Self.maximumPickleSize else {
            throw TensorFileError(file: path, "has a pickle of \(range.count) bytes")
        }
        var entries: [String: Entry] = [:]
        var names: [String] = []
        for (name, tensor) in try TensorPickle(file.bytes(range), file: path).tensors {
            if entries[name] == nil { names.append(name) }
            let storage = try archive.range(of: "\(prefix)data/\(tensor.storage)")
            guard let entry = Self.entry(tensor, storage: storage) else {
                throw TensorFileError(file: path, tensor: name, "reaches beyond its storage")
            }
            entries[name] = entry
        }
        guard !names.isEmpty else { throw TensorFileError(file: path, "holds no tensors by name at its top") }
        self.path = path
        self.file = file
        self.names = names
        self.entries = entries
    }

    static func isArchive(_ file: InputFile) throws -> Bool {
        try file.size >= 4 && file.bytes(0..<4) == [0x50, 0x4B, 0x03, 0x04]
    }

    public func shape(of name: String) throws -> [Int] { try entry(name).shape }

    /// Reads a tensor of float, half, bfloat16 or double; double is rounded to nearest, the others are exact.
    public func readFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
        let entry = try entry(name)
        guard [.f32, .f16, .bf16, .f64].contains(entry.type) else {
            throw TensorFileError(
                file: path, tensor: name, "has the dtype \(entry.type.rawValue) where F32, F16, BF16 or F64 is needed")
        }
        let count = entry.shape.reduce(1, *)
        guard destination.count == count else {
            throw TensorFileError(
                file: path, tensor: name,
                "has \(count) elements (shape \(entry.shape)) where \(destination.count) are needed")
        }
        if entry.isContiguous {
            return try Checkpoints.readFloats(from: file, entry.byteRange, as: entry.type, into: destination)
        }
        let span = UnsafeMutableBufferPointer<Float>.allocate(capacity: entry.byteRange.count / entry.type.size)
        defer { span.deallocate() }
        try Checkpoints.readFloats(from: file, entry.byteRange, as: entry.type, into: span)
        var index = [Int](repeating: 0, count: entry.shape.count)
        for position in destination.indices {
            destination[position] = span[zip(index, entry.strides).reduce(0) { $0 + $1.0 * $1.1 }]
            for axis in index.indices.reversed() {
                index[axis] += 1
                if index[axis] < entry.shape[axis] { break }
                index[axis] = 0
            }
        }
    }

    private func entry(_ name: String) throws -> Entry {
        guard let entry = entries[name] else {
            throw TensorFileError(file: path, "has no tensor \(quoted(name))")
        }
        return entry
    }

    /// Nil where the tensor has elements outside its storage, or more than can be counted.
    private static func entry(_ tensor: PickledTensor, storage: Range<Int>) -> Entry? {
        guard byteCount(of: [tensor.storageCount], tensor.type) == storage.count,
            byteCount(of: tensor.shape, tensor.type) != nil
        else { return nil }
        var last = 0
        var expectedStride = 1
        var isContiguous = true
        for (size, stride) in zip(tensor.shape, tensor.strides).reversed() where size != 1 {
            isContiguous = isContiguous && stride == expectedStride
            expectedStride &*= size
            let (reach, overflow) = stride.multipliedReportingOverflow(by: max(size - 1, 0))
            let (sum, carry) = last.addingReportingOverflow(reach)
            if overflow || carry { return nil }
            last = sum
        }
        let isEmpty = tensor.shape.contains(0)
        guard tensor.offset <= tensor.storageCount, isEmpty || last < tensor.storageCount - tensor.offset else {
            return nil
        }
        let start = storage.lowerBound + tensor.offset * tensor.type.size
        return Entry(
            type: tensor.type, shape: tensor.shape, strides: tensor.strides, isContiguous: isContiguous || isEmpty,
            byteRange: start..<start + (isEmpty ? 0 : (last + 1) * tensor.type.size))
    }
}

/// Opens a file of tensors for reading: safetensors, or what PyTorch saved, told apart by how it begins.
public func openTensors(_ path: String) throws -> any TensorSource {
    let file = try InputFile(path)
    // Older versions of PyTorch saved a bare pickle, which is refused by its name.
    let isPickle = try path.hasSuffix(".bin") && file.size >= 2 && file.bytes(0..<2) == [0x80, 2]
    return try isPickle || PyTorchFile.isArchive(file) ? PyTorchFile(path) : SafetensorsFile(path)
}
