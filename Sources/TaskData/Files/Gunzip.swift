import CZlib

/// Decompresses a whole gzip file (RFC 1952; several members one after the other are one file).
package enum Gunzip {
    /// - Parameter limit: the most bytes to make; a small file can hold a thousand times its size.
    /// - Throws: `TaskFileError` for a file that is not gzip, is damaged or cut short, or holds more than `limit`.
    package static func decompress(_ input: UnsafeBufferPointer<UInt8>, file: String, limit: Int) throws -> [UInt8] {
        guard input.count >= 2, input[0] == 0x1F, input[1] == 0x8B else {
            throw TaskFileError(file: file, message: "is not gzip data, though its name ends in .gz")
        }
        var stream = z_stream()
        let gzipOnly = MAX_WBITS + 16
        guard inflateInit2_(&stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw TaskFileError(file: file, message: "zlib could not start")
        }
        defer { inflateEnd(&stream) }

        var output: [UInt8] = []
        output.reserveCapacity(min(input.count * 4, limit))
        var consumed = 0
        while true {
            let status = inflateChunk(&stream, input, &consumed, &output)
            guard output.count <= limit else {
                throw TaskFileError(
                    file: file,
                    message: "decompresses to more than \(limit) bytes; unpack it and name the plain file, which "
                        + "is mapped instead of held in memory")
            }
            switch status {
            case Z_OK: continue
            case Z_STREAM_END:
                // Zero bytes after the last member are padding, as gzip itself takes them.
                guard input[consumed...].contains(where: { $0 != 0 }) else { return output }
                guard inflateReset(&stream) == Z_OK else {
                    throw TaskFileError(file: file, message: "zlib could not start again")
                }
            case Z_BUF_ERROR:
                throw TaskFileError(
                    file: file, message: "the gzip data is cut short after \(output.count) decompressed bytes")
            default:
                let reason = stream.msg.map { ": " + String(cString: $0) } ?? ""
                throw TaskFileError(file: file, message: "the gzip data is damaged at byte \(consumed)\(reason)")
            }
        }
    }

    /// One call of zlib, for at most a mebibyte of output, appended to `output`.
    private static func inflateChunk(
        _ stream: inout z_stream, _ input: UnsafeBufferPointer<UInt8>, _ consumed: inout Int,
        _ output: inout [UInt8]
    ) -> Int32 {
        let inputCount = min(input.count - consumed, 1 << 30)
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + consumed })
        stream.avail_in = UInt32(inputCount)
        var status = Z_OK
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 20) { space, count in
            stream.next_out = space.baseAddress
            stream.avail_out = UInt32(space.count)
            status = inflate(&stream, Z_NO_FLUSH)
            count = space.count - Int(stream.avail_out)
        }
        consumed += inputCount - Int(stream.avail_in)
        output += chunk
        return status
    }
}
