/// The header of a safetensors file, held against every rule of the format.
///
/// Source: the format section of the safetensors README. The data must be covered without holes or overlaps, keys must be
/// unique, the header is at most 100 MB and begins with `{`.
struct SafetensorsHeader {
    static let maximumSize = 100_000_000
    /// More than any framework knows; keeps a hostile shape from taking eight times the file's size in memory.
    static let maximumRank = 64

    private(set) var metadata: [String: String] = [:]
    /// In the order of the data.
    private(set) var names: [String] = []
    private(set) var tensors: [String: TensorEntry] = [:]

    /// Parses `bytes`, the header of `file` without its length, followed by the bytes of `data` in the file.
    init(_ bytes: [UInt8], file: String, data: Range<Int>) throws {
        var parser = HeaderParser(bytes, file: file)
        guard bytes.first == UInt8(ascii: "{") else {
            throw TensorFileError(file: file, "the header does not begin with '{', so this is no safetensors file")
        }
        var hasMetadata = false
        try parser.parseObject { parser, key in
            if key == "__metadata__" {
                if hasMetadata { throw TensorFileError(file: file, "the header has two \"__metadata__\"") }
                hasMetadata = true
                metadata = try parser.parseMetadata()
            } else {
                if tensors[key] != nil { throw TensorFileError(file: file, tensor: key, "is in the header twice") }
                parser.tensor = key
                tensors[key] = try parser.parseTensor(data: data)
                parser.tensor = nil
            }
        }
        try parser.parseEnd()
        try checkLayout(file: file, data: data)
    }

    private mutating func checkLayout(file: String, data: Range<Int>) throws {
        let order = tensors.sorted {
            // Empty tensors go before the one that begins at the same byte.
            ($0.value.byteRange.lowerBound, $0.value.byteRange.upperBound, $0.key)
                < ($1.value.byteRange.lowerBound, $1.value.byteRange.upperBound, $1.key)
        }
        var end = data.lowerBound
        var previous = ""
        for (name, entry) in order {
            let start = entry.byteRange.lowerBound
            if start < end { throw TensorFileError(file: file, tensor: name, "overlaps \(quoted(previous))") }
            if start > end {
                throw TensorFileError(file: file, tensor: name, "begins \(start - end) bytes after the data before it")
            }
            (end, previous) = (entry.byteRange.upperBound, name)
        }
        if end < data.upperBound {
            throw TensorFileError(file: file, "\(data.upperBound - end) bytes after the last tensor belong to none")
        }
        names = order.map(\.key)
    }
}
