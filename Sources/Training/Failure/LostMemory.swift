import Foundation

/// A file that is read where it lies, and is cut short by somebody else meanwhile, ends the process by SIGBUS.
public enum LostMemory {
    /// From now on the process ends with a sentence then.
    public static func catchSignal() {
        signal(SIGBUS) { _ in
            let text: StaticString = """

                error: a file of texts or weights was cut short while it was read, or /dev/shm is full. Replace such a file \
                by a new one under its name. The run ends; whole checkpoints stand

                """
            _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
            // Not for bad data: a network's file system may do better at another start.
            _exit(ExitCode.failure.rawValue)
        }
    }
}
