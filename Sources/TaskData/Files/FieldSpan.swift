/// Where a field's bytes stand in its file, and how they are written there. 16 bytes.
struct FieldSpan {
    enum Encoding: UInt8 {
        /// The bytes are the text.
        case plain
        /// Inside CSV quotes: two quotes stand for one.
        case doubledQuotes
        /// Inside a JSON string that holds escapes, already known to be well-formed.
        case jsonEscapes
        /// A JSON array of strings and integers, already known to be well-formed.
        case jsonStrings
    }

    let start: Int
    let length: UInt32
    let encoding: Encoding

    static let empty = FieldSpan(start: 0, length: 0, encoding: .plain)

    init(start: Int, length: UInt32, encoding: Encoding) {
        self.start = start
        self.length = length
        self.encoding = encoding
    }

    /// - Throws: `RowProblem` for a field of 4 GiB or more.
    init(_ range: Range<Int>, _ encoding: Encoding = .plain) throws(RowProblem) {
        guard let length = UInt32(exactly: range.count) else { throw RowProblem("the field is longer than 4 GiB") }
        self.init(start: range.lowerBound, length: length, encoding: encoding)
    }

    func bytes(in file: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: file[start..<start + Int(length)])
    }

    /// Appends the text, decoded, to `output`.
    func decode(from file: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) {
        let bytes = bytes(in: file)
        switch encoding {
        case .plain: output.append(contentsOf: bytes)
        case .doubledQuotes:
            var index = 0
            while index < bytes.count {
                output.append(bytes[index])
                index += bytes[index] == UInt8(ascii: "\"") ? 2 : 1
            }
        case .jsonEscapes: JSONEscapes.decode(bytes, into: &output)
        case .jsonStrings: JSONEscapes.decodeList(bytes, into: &output)
        }
    }

    func string(in file: UnsafeBufferPointer<UInt8>) -> String {
        var decoded: [UInt8] = []
        decode(from: file, into: &decoded)
        return String(decoding: decoded, as: UTF8.self)
    }
}
