@preconcurrency import Glibc
import Training

/// Standard input, output and error: what goes wrong with them is said, and not lost.
enum StandardStreams {
    /// To be called first of all: a file that is opened later must not become one of the three where that was closed. Reading
    /// from it, or writing to it, fails as before.
    static func occupy() {
        for (descriptor, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
        where fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", flags) }
    }

    /// To be called where the input seems to be at its end.
    ///
    /// - Throws: `RunError` where it could not be read.
    static func requireInput() throws {
        if ferror(stdin) != 0 { throw RunError("standard input cannot be read: \(String(cString: strerror(errno)))") }
    }

    /// Brings to where it belongs what was printed.
    ///
    /// - Throws: `RunError` where not all of it gets there.
    static func requireOutput() throws {
        if fflush(stdout) == 0, ferror(stdout) == 0 { return }
        throw RunError("standard output cannot be written: \(String(cString: strerror(errno)))")
    }
}
