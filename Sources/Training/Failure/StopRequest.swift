import Foundation
import Synchronization

/// Whether this process has been asked to stop: SIGTERM, SIGUSR1, a first SIGINT and the time limit only set a flag. The ranks
/// look at it at every shard boundary and agree on it, so that they stop together behind a checkpoint.
public enum StopRequest {
    private static let flag = Atomic<Bool>(false)
    private static let began = DispatchTime.now().uptimeNanoseconds
    private static let deadline = Atomic<UInt64>(.max)

    /// From now on the signals set the flag instead of ending the process; the clock of the time limit starts.
    ///
    /// A process inherits the blocked signals of the thread that started it, and some launchers start it from a thread that
    /// blocks all: a run that nobody can stop. To be called before there are other threads, which inherit them in turn.
    ///
    /// - Parameter interrupts: whether Ctrl-C is such a signal too; a second one ends the process.
    public static func catchSignals(interrupts: Bool = false) {
        _ = began
        var numbers = sigset_t()
        sigemptyset(&numbers)
        for number in [SIGTERM, SIGUSR1] {
            signal(number) { _ in StopRequest.flag.store(true, ordering: .relaxed) }
            sigaddset(&numbers, number)
        }
        if interrupts {
            let before = signal(SIGINT) { _ in
                StopRequest.flag.store(true, ordering: .relaxed)
                signal(SIGINT, SIG_DFL)
                let text: StaticString = "\nstopping after a checkpoint; once more stops at once\n"
                _ = write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
            }
            // As a shell has it for what runs behind: Ctrl-C is meant for something else.
            if isIgnored(before) { signal(SIGINT, SIG_IGN) }
        }
        pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
    }

    private static func isIgnored(_ handler: sighandler_t?) -> Bool {
        unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Asks for a stop so long after `catchSignals`.
    public static func limit(_ limit: TimeLimit) {
        deadline.store(began + UInt64(limit.seconds) * 1_000_000_000, ordering: .relaxed)
    }

    static var isPending: Bool {
        flag.load(ordering: .relaxed)
            || deadline.load(ordering: .relaxed) <= DispatchTime.now().uptimeNanoseconds
    }
}

/// Work was left undone because the run was asked to stop: the same command does it later.
struct StopError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
