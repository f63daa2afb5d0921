import Foundation

extension Vocabulary {
    /// Reads `vocab.txt`: one token a line, its id the number of lines before it. White space at the end of a line is no
    /// part of the token, and a blank line takes up an id, as `BertTokenizerFast` reads it.
    ///
    /// Throws where the file cannot be read, is empty, is not UTF-8, or names a token twice.
    public init(contentsOfFile path: String) throws {
        try self.init(lines: readTokenizerFile(path), file: path)
    }

    init(lines contents: [UInt8], file: String?) throws {
        if let error = contents.withUnsafeBufferPointer(UTF8Scalars.firstError(in:)) {
            let line = contents[..<error].count { $0 == 0x0A } + 1
            throw TokenizerError("not UTF-8: save the file as UTF-8", file: file, line: line)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(contents.count)
        var offsets = [0]
        for line in contents.split(separator: 0x0A, omittingEmptySubsequences: false) {
            bytes += Self.withoutTrailingWhitespace(line)
            offsets.append(bytes.count)
        }
        // What follows the last line break is a line only if something stands there.
        if contents.isEmpty || contents.last == 0x0A { offsets.removeLast() }
        try self.init(bytes: bytes, offsets: offsets, file: file, line: { $0 + 1 }, place: { "line \($0 + 1)" })
    }

    private static func withoutTrailingWhitespace(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var end = line.endIndex
        while end > line.startIndex {
            var start = end - 1
            while start > line.startIndex, line[start] & 0xC0 == 0x80 { start -= 1 }
            let scalar = line[start..<end].withUnsafeBufferPointer { UTF8Scalars.decode($0, at: 0).scalar }
            guard UnicodeTables.contains(scalar, in: UnicodeTables.whitespace) else { break }
            end = start
        }
        return line[..<end]
    }
}

/// The bytes of a regular file of at most 256 MB, or an error that names it.
func readTokenizerFile(_ path: String) throws -> [UInt8] {
    let limit = 1 << 28
    func failure(_ code: Int32) -> TokenizerError {
        TokenizerError("cannot be read: \(String(cString: strerror(code)))", file: path)
    }
    // O_NONBLOCK keeps the open from waiting where the path is a named pipe; it means nothing to a regular file.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure(errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw TokenizerError("is not a regular file", file: path) }
    guard status.st_size <= limit else {
        throw TokenizerError("\(status.st_size) bytes are no tokenizer file (limit: \(limit))", file: path)
    }
    return try [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
        while count < buffer.count {
            let piece = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
            if piece < 0, errno == EINTR { continue }
            guard piece >= 0 else { throw failure(errno) }
            if piece == 0 { return }
            count += piece
        }
    }
}
