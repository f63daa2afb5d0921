/// Where the members of a zip archive lie in their file. Members are stored as they are, as PyTorch does; compressed and
/// encrypted ones are refused when they are asked for. Checksums are not looked at.
///
/// Source: PKWARE APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end).
struct ZipArchive {
    /// Some hundred bytes a member; PyTorch writes one for each tensor.
    private static let maximumDirectorySize = 1 << 24

    private struct Member {
        let method: Int
        let flags: Int
        let size: Int
        let headerOffset: Int
    }

    private let file: InputFile
    private var members: [String: Member] = [:]

    var names: some Collection<String> { members.keys }

    init(_ file: InputFile) throws {
        self.file = file
        let directory = try Self.directoryRange(file)
        var fields = LittleEndianFields(try file.bytes(directory), file: file.path)
        while fields.remaining > 0 {
            guard try fields.take(4) == 0x0201_4B50 else { throw Self.malformed(file, "a damaged directory") }
            _ = try fields.bytes(4)
            let (flags, method) = (try fields.take(2), try fields.take(2))
            _ = try fields.bytes(8)
            var (storedSize, size) = (try fields.take(4), try fields.take(4))
            let (nameCount, extraCount, commentCount) = (try fields.take(2), try fields.take(2), try fields.take(2))
            _ = try fields.bytes(8)
            var headerOffset = try fields.take(4)
            let name = String(decoding: try fields.bytes(nameCount), as: UTF8.self)
            var extra = LittleEndianFields(try fields.bytes(extraCount), file: file.path)
            _ = try fields.bytes(commentCount)
            while extra.remaining >= 4 {
                let (kind, count) = (try extra.take(2), try extra.take(2))
                var content = LittleEndianFields(try extra.bytes(count), file: file.path)
                guard kind == 1 else { continue }
                if size == 0xFFFF_FFFF { size = try content.take(8) }
                if storedSize == 0xFFFF_FFFF { storedSize = try content.take(8) }
                if headerOffset == 0xFFFF_FFFF { headerOffset = try content.take(8) }
            }
            let member = Member(method: method, flags: flags, size: size, headerOffset: headerOffset)
            guard members.updateValue(member, forKey: name) == nil else {
                throw Self.malformed(file, "two members \(quoted(name))")
            }
        }
    }

    /// The bytes of a member.
    func range(of name: String) throws -> Range<Int> {
        guard let member = members[name] else { throw Self.malformed(file, "no member \(quoted(name))") }
        guard member.method == 0, member.flags & 1 == 0 else {
            throw Self.malformed(file, "a compressed or encrypted member \(quoted(name)), where PyTorch stores")
        }
        let beyond = Self.malformed(file, "a member \(quoted(name)) that lies beyond the end of the file")
        guard member.headerOffset <= file.size - 30 else { throw beyond }
        let header = try file.bytes(member.headerOffset..<member.headerOffset + 30)
        var fields = LittleEndianFields(header, file: file.path)
        guard try fields.take(4) == 0x0403_4B50 else {
            throw Self.malformed(file, "no header before the member \(quoted(name))")
        }
        _ = try fields.bytes(22)
        let start = member.headerOffset + 30 + (try fields.take(2)) + (try fields.take(2))
        guard start <= file.size, member.size <= file.size - start else { throw beyond }
        return start..<start + member.size
    }

    private static func malformed(_ file: InputFile, _ found: String) -> TensorFileError {
        TensorFileError(file: file.path, "is no archive that can be read: it has \(found)")
    }

    private static func directoryRange(_ file: InputFile) throws -> Range<Int> {
        // The end record has 22 bytes and a comment of up to 65,535.
        let tailStart = max(0, file.size - 22 - 65535)
        let tail = try file.bytes(tailStart..<file.size)
        let signature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]
        let candidate = stride(from: tail.count - 22, through: 0, by: -1).first { tail[$0...].starts(with: signature) }
        guard let place = candidate else { throw malformed(file, "no end record") }
        var end = LittleEndianFields(Array(tail[(place + 12)...]), file: file.path)
        var (size, offset) = (try end.take(4), try end.take(4))
        if size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
            let locatorStart = tailStart + place - 20
            guard locatorStart >= 0 else { throw malformed(file, "no 64-bit end record") }
            var locator = LittleEndianFields(try file.bytes(locatorStart..<locatorStart + 20), file: file.path)
            guard try locator.take(4) == 0x0706_4B50, try locator.take(4) == 0, case let start = try locator.take(8),
                start <= file.size - 56
            else { throw malformed(file, "no 64-bit end record") }
            var record = LittleEndianFields(try file.bytes(start..<start + 56), file: file.path)
            guard try record.take(4) == 0x0606_4B50 else { throw malformed(file, "no 64-bit end record") }
            _ = try record.bytes(36)
            (size, offset) = (try record.take(8), try record.take(8))
        }
        guard size <= maximumDirectorySize else { throw malformed(file, "a directory of \(size) bytes") }
        guard offset <= file.size, size <= file.size - offset else { throw malformed(file, "its directory cut off") }
        return offset..<offset + size
    }
}

/// A cursor over little-endian numbers that throws at the end.
struct LittleEndianFields {
    private let content: [UInt8]
    private let file: String
    private(set) var position = 0

    init(_ content: [UInt8], file: String) {
        self.content = content
        self.file = file
    }

    var remaining: Int { content.count - position }

    mutating func bytes(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count <= remaining else { throw TensorFileError(file: file, "ends in the middle of a record") }
        position += count
        return content[position - count..<position]
    }

    /// A number of `count` bytes, up to 8, without a sign.
    mutating func take(_ count: Int) throws -> Int {
        let value = try bytes(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let result = Int(exactly: value) else {
            throw TensorFileError(file: file, "has a record with the impossible number \(value)")
        }
        return result
    }

    /// The text up to the next line feed, which is passed over.
    mutating func line() throws -> String {
        guard let end = content[position...].firstIndex(of: 10) else {
            throw TensorFileError(file: file, "ends in the middle of a line")
        }
        defer { position = end + 1 }
        return String(decoding: content[position..<end], as: UTF8.self)
    }
}

extension LittleEndianFields {
    init(_ content: ArraySlice<UInt8>, file: String) { self.init(Array(content), file: file) }
}
