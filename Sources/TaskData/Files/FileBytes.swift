import Glibc

/// The bytes of a file: mapped into memory where it is plain, held in memory where it was made there.
///
/// `@unchecked Sendable`: the bytes are never written to after `init`.
final class FileBytes: @unchecked Sendable {
    let buffer: UnsafeBufferPointer<UInt8>
    private let mapping: UnsafeMutableRawPointer?

    /// Maps the file at `path`; several ranks of one machine share its pages. The file must not be cut short while it
    /// is in use.
    ///
    /// - Throws: `TaskFileError` where there is no regular file that can be read.
    init(mapping path: String) throws {
        // O_NONBLOCK keeps the open from waiting where the path is a named pipe; it means nothing to a regular file.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw TaskFileError(file: path, message: "cannot be opened: \(Self.reason(errno))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw TaskFileError(file: path, message: "cannot be examined: \(Self.reason(errno))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TaskFileError(file: path, message: "is not a regular file")
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            mapping = nil
            buffer = UnsafeBufferPointer(start: nil, count: 0)
            return
        }
        guard let pages = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), pages != MAP_FAILED else {
            throw TaskFileError(file: path, message: "cannot be mapped into memory: \(Self.reason(errno))")
        }
        mapping = pages
        buffer = UnsafeBufferPointer(start: pages.assumingMemoryBound(to: UInt8.self), count: size)
    }

    init(copying bytes: [UInt8]) {
        mapping = nil
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = copy.initialize(from: bytes)
        buffer = UnsafeBufferPointer(copy)
    }

    deinit {
        if let mapping {
            munmap(mapping, buffer.count)
        } else {
            buffer.deallocate()
        }
    }

    /// `path` from the current folder, without `.` and `..`: what an error should show.
    static func resolved(_ path: String) -> String {
        var absolute = path
        if !path.hasPrefix("/"), let folder = getcwd(nil, 0) {
            absolute = String(cString: folder) + "/" + path
            free(folder)
        }
        var parts: [Substring] = []
        for part in absolute.split(separator: "/") where part != "." {
            if part == ".." {
                _ = parts.popLast()
            } else {
                parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func reason(_ code: Int32) -> String {
        code == ENOENT ? "there is no such file" : String(cString: strerror(code))
    }
}
