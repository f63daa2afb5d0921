import Checkpoints
import Foundation
import MPI
import Synchronization

/// Sees to it that a run ends, and says why, when a rank dies, hangs or fails: no rank waits for ever for one that does not come.
///
/// The ranks of a machine write down where they are in memory that all of them see, and a thread of each looks at what the
/// others wrote, since a rank that waits inside MPI cannot look by itself. The first to find one that holds up the others
/// names it; then all end. Ranks of other machines are watched there; `mpirun` ends those of a machine that is lost.
public final class RankWatch: Sendable {
    /// The communicator of all ranks or, in the watch of a group, of its ranks; its calls tell the watch that a rank waits.
    public let communicator: any Communicator
    private let base: any Communicator
    private let board: HeartbeatBoard
    private let limit: Int
    private let fault: InjectedFault?
    private let launcher = Launcher()
    /// Of the checkpoint store up to now.
    private let changes = Atomic(0)
    private let hasEnded = Atomic(false)
    private let ending: Ending

    /// Collective: begins to watch.
    ///
    /// - Parameter seconds: without progress, after which a rank is given up; 0 never does.
    public init(_ communicator: any Communicator, seconds: Int) throws {
        base = communicator
        limit = seconds
        let board = try HeartbeatBoard(communicator)
        self.board = board
        self.communicator = WatchedCommunicator(communicator, board.own)
        let fault = try communicator.agreeing { try InjectedFault() }
        self.fault = fault?.rank == communicator.rank ? fault : nil
        ending = Ending()
        // Output that nobody takes, because mpirun is dead, must not end a rank before it has tidied up.
        if launcher != nil { signal(SIGPIPE, SIG_IGN) }
        guard seconds > 0 else { return }
        let thread = Thread { [self] in watch() }
        thread.name = "watchdog"
        thread.start()
    }

    /// Collective: the watch for the work of a group of so many consecutive ranks; the last group may be smaller.
    func group(of size: Int) throws -> RankWatch {
        RankWatch(self, size == 1 ? SingleProcess() : try communicator.split(color: communicator.rank / size))
    }

    private init(_ watch: RankWatch, _ group: any Communicator) {
        (base, limit, board, fault, ending) = (watch.base, watch.limit, watch.board, watch.fault, watch.ending)
        communicator = group
    }

    /// The end of the process, which the watches of all groups are to know of.
    private final class Ending: Sendable {
        let hasBegun = Atomic(false)
        /// What has to be tidied up before, such as a half-written checkpoint; takes seconds at most.
        let lastAct = Mutex<(@Sendable () -> Void)?>(nil)
    }

    /// Runs the work of a rank: an error that only this rank knows of is told once, with its place, and ends all ranks.
    public func guarding<Result>(_ body: () throws -> Result) throws -> Result {
        defer {
            hasEnded.store(true, ordering: .releasing)
            board.own.leave()
        }
        do {
            return try body()
        } catch let failure as AgreedFailure {
            throw failure
        } catch let error where communicator.size > 1 {
            let code = ExitCode(error).rawValue
            if board.announceEnd(code: code) {
                complain("rank \(communicator.rank) on \(board.host), \(board.own.currentPlace): \(error)")
            }
            if limit > 0 { end(board.endingCode ?? code) }
            base.abort(code: code)
        }
    }

    // MARK: What the work tells the watch

    /// The rank begins with something else.
    func enter(_ phase: RunPhase, step: Int) throws {
        board.own.currentPlace = RunPlace(phase, step: step)
        try strike(phase, step: step)
    }

    /// The rank has got on, or does right to wait.
    func noteProgress() { board.own.mark() }

    /// The rank has got on; at every shard or chunk. - Returns: whether to go on, false where a stop is asked for.
    func goesOn() -> Bool {
        noteProgress()
        return !isStopRequested
    }

    /// The rank has nothing to do but wait for others, or something to do again.
    func waits(_ isWaiting: Bool) { board.own.currentPlace.isWaiting = isWaiting }

    /// Whether this rank or another of the machine was asked to stop. The ranks have yet to agree on it.
    var isStopRequested: Bool {
        if board.isStopRequested { return true }
        guard StopRequest.isPending else { return false }
        board.requestStop()
        return true
    }

    /// To be called before each change of the checkpoint store: a slow disk is progress too, and a run that ends leaves no
    /// half checkpoint.
    func beforeChanging(_ operation: FileOperations.Operation) throws {
        if board.own.currentPlace.phase.mayWaitForDisk { board.own.mark() }
        if let fault, fault.operation == changes.wrappingAdd(1, ordering: .relaxed).newValue { try fault.strike() }
        guard ending.hasBegun.load(ordering: .acquiring) else { return }
        switch operation.kind {
        case .createFile, .write, .syncFile: throw RunError("the run ends")
        default: return
        }
    }

    /// What to do before the process ends because of a failure; nil for nothing any more.
    func beforeEnding(_ act: (@Sendable () -> Void)?) { ending.lastAct.withLock { $0 = act } }

    // MARK: Faults for tests

    func strike(_ phase: RunPhase, step: Int) throws {
        if let fault, fault.isDue(phase, step: step) { try fault.strike() }
    }

    /// Whether a test wants numbers here that are not finite.
    func isSpoiled(_ phase: RunPhase, step: Int) -> Bool {
        fault.map { $0.kind == .nan && $0.isDue(phase, step: step) } ?? false
    }

    // MARK: The thread

    private static let interval = 0.1

    private func watch() {
        var judge = Judge(limit: Double(limit), seesAllRanks: board.holdsAllRanks)
        var (time, processorTime) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
        var warnings = 0
        while !hasEnded.load(ordering: .acquiring) {
            usleep(UInt32(Self.interval * 1e6))
            let (now, used) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
            board.own.beat(isAsleep: used - processorTime < 0.03 * (now - time))
            // A thread that was itself held up has not seen what the others did meanwhile.
            let elapsed = min(now - time, 2 * Self.interval)
            (time, processorTime) = (now, used)
            if let code = board.endingCode { end(code) }
            if let launcher, launcher.isGone {
                // Nobody reads any more what this process would say.
                _ = board.announceEnd(code: ExitCode.failure.rawValue)
                end(board.endingCode ?? ExitCode.failure.rawValue)
            }
            if let verdict = judge.observe(board.readings(), after: elapsed) {
                let code = ExitCode.failure.rawValue
                if board.announceEnd(code: code) {
                    complain("\(verdict.text(host: board.host)). The run ends; whole checkpoints stand")
                }
                end(board.endingCode ?? code)
            }
            let heldBack = Int(judge.heldBack(rank: communicator.rank)) / limit
            if heldBack > warnings {
                let place = board.own.currentPlace
                warn("rank \(communicator.rank) on \(board.host) has waited \(heldBack * limit) s for a disk \(place)")
            }
            warnings = heldBack
        }
    }

    /// Ends this process, and the others by their own watches. Not by MPI, which another thread may be in the midst of, and
    /// which would not leave rank 0 the time to tidy up: a rank that ends with a failure makes `mpirun` end all that is left.
    private func end(_ code: Int32) -> Never {
        tidyUp()
        _exit(code)
    }

    private func tidyUp() {
        // First: MPI ends a rank by itself some seconds after mpirun.
        launcher?.removeFiles()
        ending.hasBegun.store(true, ordering: .releasing)
        ending.lastAct.withLock { $0 }?()
    }
}

private func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
