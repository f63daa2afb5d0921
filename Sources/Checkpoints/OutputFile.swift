import Crypto
import Glibc

/// A new file written from its start to its end, and hashed on the way.
public final class OutputFile {
    public let path: String
    /// Bytes written up to now.
    public private(set) var count = 0
    private let operations: FileOperations
    private let descriptor: Int32
    private var hash = SHA256()
    private var isOpen = true

    /// Creates `path`, which must not exist.
    package init(_ path: String, operations: FileOperations) throws {
        self.path = path
        self.operations = operations
        descriptor = try operations.createFile(path)
    }

    deinit { if isOpen { close(descriptor) } }

    public func write(_ bytes: UnsafeRawBufferPointer) throws {
        // In pieces that are still in the processor's cache when the operating system copies them.
        var rest = bytes
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
            hash.update(bufferPointer: piece)
            try operations.write(piece, to: descriptor, path)
            count += piece.count
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
        }
    }

    public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Writes `text` as UTF-8.
    public func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// Brings the file to disk, closes it and returns its SHA-256.
    package func finish() throws -> String {
        try operations.syncFile(descriptor, path)
        isOpen = false
        // Network file systems report here what they could not write.
        guard close(descriptor) == 0 || errno == EINTR else { throw FileSystemError("close", path) }
        return hexadecimal(hash.finalize())
    }
}

/// The SHA-256 of a file in lower-case hexadecimal.
public func sha256(ofFile path: String) throws -> String {
    let file = try InputFile(path)
    var hash = SHA256()
    try file.forEachChunk(of: 0..<file.size) { hash.update(bufferPointer: $0) }
    return hexadecimal(hash.finalize())
}

/// The SHA-256 of `bytes` in lower-case hexadecimal.
public func sha256(of bytes: some Sequence<UInt8>) -> String { hexadecimal(SHA256.hash(data: Array(bytes))) }

/// The SHA-256 of `bytes`, read where they lie.
public func sha256(of bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return hexadecimal(hash.finalize())
}

private func hexadecimal(_ digest: SHA256.Digest) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
