import Foundation
import Synchronization

/// Says so where MPI does not come up, and ends the process in the end: there is no `RankWatch` yet, which needs the others.
public final class StartWatch: Sendable {
    private static let warning = 60
    private static let limit = 300
    private let isOver = Atomic(false)

    public init() {
        guard let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"] else { return }
        Thread.detachNewThread { [self] in
            for second in 1...Self.limit {
                sleep(1)
                if isOver.load(ordering: .relaxed) { return }
                if second == Self.warning {
                    warn(
                        "rank \(rank) has waited \(second) s for the other ranks to start, and gives up after \(Self.limit) s"
                    )
                }
            }
            complain("rank \(rank): the other ranks did not start within \(Self.limit) s")
            _exit(ExitCode.failure.rawValue)
        }
    }

    public func end() { isOver.store(true, ordering: .relaxed) }
}
