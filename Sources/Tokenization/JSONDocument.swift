/// A JSON value that remembers the line it stands on, and the order and bytes of its keys.
///
/// Foundation's decoders hold keys as Swift strings, for which a composed and a decomposed é are one key: vocabularies
/// have both.
struct JSONDocument {
    indirect enum Value {
        case null
        case bool(Bool)
        case number(Double)
        case string([UInt8])
        case array([JSONDocument])
        case object([(key: [UInt8], value: JSONDocument)])
    }

    let value: Value
    let line: Int

    /// Parses a whole file; throws an error that names the line.
    init(parsing bytes: [UInt8], file: String?) throws {
        self = try bytes.withUnsafeBufferPointer { buffer in
            if let error = UTF8Scalars.firstError(in: buffer) {
                let line = buffer[..<error].count { $0 == 0x0A } + 1
                throw TokenizerError("not UTF-8: save the file as UTF-8", file: file, line: line)
            }
            var parser = JSONParser(bytes: buffer, file: file)
            return try parser.parseDocument()
        }
    }

    init(_ value: Value, line: Int) {
        self.value = value
        self.line = line
    }

    /// The member with a key, `nil` where this is no object or has none, or the member is null. The last one counts.
    subscript(key: String) -> JSONDocument? {
        guard case .object(let members) = value,
            let member = members.last(where: { $0.key.elementsEqual(key.utf8) })?.value
        else { return nil }
        if case .null = member.value { return nil }
        return member
    }

    var string: String? {
        if case .string(let bytes) = value { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    var bool: Bool? {
        if case .bool(let bool) = value { bool } else { nil }
    }

    var integer: Int? {
        if case .number(let number) = value { Int(exactly: number) } else { nil }
    }

    var members: [(key: [UInt8], value: JSONDocument)]? {
        if case .object(let members) = value { members } else { nil }
    }

    var elements: [JSONDocument]? {
        if case .array(let elements) = value { elements } else { nil }
    }
}
