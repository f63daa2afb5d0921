import Foundation

/// A file that only grows, one whole record at a time.
struct AppendedFile: ~Copyable {
    private let descriptor: Int32
    let path: String

    /// Opens a file to append to it, and creates it where it is missing.
    init(path: String) throws(ReportingError) {
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        self.path = path
        guard descriptor >= 0 else { throw ReportingError(path: path, action: "cannot be opened") }
    }

    deinit {
        _ = close(descriptor)
    }

    /// Appends a record by one `write`, which a reader sees whole. Where the system takes only a part of it, the rest
    /// follows; where that fails, the file is cut back to its length before, so that no half record stays.
    func append(_ record: [UInt8]) throws(ReportingError) {
        let length = lseek(descriptor, 0, SEEK_END)
        var written = 0
        while written < record.count {
            let count = record.withUnsafeBytes { bytes in
                write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let failure = ReportingError(path: path, action: "cannot be written")
                if written > 0, length >= 0 { _ = ftruncate(descriptor, length) }
                throw failure
            }
            written += count
        }
    }

    /// Waits until what was appended is on the disk.
    func synchronize() throws(ReportingError) {
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw ReportingError(path: path, action: "cannot be written to the disk")
        }
    }
}

/// A file of the run folder that cannot be read or written.
public struct ReportingError: Error, Sendable, Equatable, CustomStringConvertible {
    public var path: String
    /// What went wrong, as "cannot be opened: No space left on device".
    public var message: String

    init(path: String, message: String) {
        self.path = path
        self.message = message
    }

    /// Takes the reason from `errno`.
    init(path: String, action: String) {
        self.path = path
        message = "\(action): \(String(cString: strerror(errno)))"
    }

    public var description: String { "\(path) \(message)" }

    /// Prints the error to standard error as a warning.
    public static let warn: @Sendable (ReportingError) -> Void = { writeToStandardError("warning: \($0)\n") }
}

/// Writes a text to standard error, whatever becomes of it.
func writeToStandardError(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
