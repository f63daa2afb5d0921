import Foundation
import Synchronization

/// Whether the system has asked the program to stop: SIGTERM and SIGUSR1 only set a flag, which the ranks agree on at the next
/// step, so that they stop together behind a checkpoint.
public enum StopRequest {
    private static let flag = Atomic<Bool>(false)

    /// From now on the signals set the flag instead of ending the process.
    public static func catchSignals() {
        for number in [SIGTERM, SIGUSR1] {
            signal(number) { _ in StopRequest.flag.store(true, ordering: .relaxed) }
        }
    }

    static var isPending: Bool { flag.load(ordering: .relaxed) }
}
