import Foundation
import Synchronization

/// Whether the system has asked the program to stop: SIGTERM and SIGUSR1 only set a flag, which the ranks agree on at the next
/// step, so that they stop together behind a checkpoint.
public enum StopRequest {
    private static let flag = Atomic<Bool>(false)

    /// From now on the signals set the flag instead of ending the process.
    ///
    /// A process inherits the blocked signals of the thread that started it, and some launchers start it from a thread that
    /// blocks all: a run that nobody can stop. To be called before there are other threads, which inherit them in turn.
    public static func catchSignals() {
        var numbers = sigset_t()
        sigemptyset(&numbers)
        for number in [SIGTERM, SIGUSR1] {
            signal(number) { _ in StopRequest.flag.store(true, ordering: .relaxed) }
            sigaddset(&numbers, number)
        }
        pthread_sigmask(SIG_UNBLOCK, &numbers, nil)
    }

    static var isPending: Bool { flag.load(ordering: .relaxed) }
}
