import Foundation
import Synchronization

/// A fault that a test asks for, so that one can see what becomes of the run. Nothing happens where the variable is unset.
///
///     MTBERT_FAULT="rank=2,phase=evaluation,step=5,kind=stop"
///
/// `phase` is one of loading, step, evaluation, saving and writing (the thread that writes a checkpoint, its tensors done);
/// `step` may be left out. With `operation=N` it is instead the N-th change of the checkpoint folder, counted from the start of
/// the process. `kind` is one of
/// - `kill`, `stop`, `term`: the rank sends itself SIGKILL, SIGSTOP or SIGTERM;
/// - `throw`: an error; `spin`: an endless loop; `sleep`: a pause of `seconds`;
/// - `nan`: a number that is not finite, in the gradient (phase step) or the state to be saved (phase saving).
package struct InjectedFault: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case kill, stop, term, `throw`, spin, sleep, nan
    }

    package let rank: Int
    package let phase: RunPhase
    package let step: Int?
    package let kind: Kind
    package let seconds: Double
    package let operation: Int?

    package static let variable = "MTBERT_FAULT"

    /// - Throws: `UsageError` where the text asks for nothing known.
    package init?(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        guard let text = environment[Self.variable] else { return nil }
        var values: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, ["rank", "phase", "step", "kind", "seconds", "operation"].contains(parts[0]) else {
                throw UsageError("\(Self.variable): there is no \(pair)")
            }
            values[parts[0]] = parts[1]
        }
        guard let rank = values["rank"].flatMap({ Int($0) }), let phase = values["phase"].flatMap(RunPhase.init(name:)),
            let kind = values["kind"].flatMap(Kind.init(rawValue:))
        else { throw UsageError("\(Self.variable) is \(text); rank, phase and kind are needed") }
        (self.rank, self.phase, self.kind) = (rank, phase, kind)
        step = values["step"].flatMap { Int($0) }
        operation = values["operation"].flatMap { Int($0) }
        seconds = values["seconds"].flatMap { Double($0) } ?? 1
    }

    func isDue(_ phase: RunPhase, step: Int) -> Bool {
        operation == nil && phase == self.phase && (self.step ?? step) == step
    }

    /// Does the damage, `nan` excepted, and says so first: nobody shall take it for a real one.
    func strike() throws {
        warn("\(Self.variable) strikes: \(kind)")
        switch kind {
        case .kill: kill(getpid(), SIGKILL)
        case .stop: kill(getpid(), SIGSTOP)
        case .term: kill(getpid(), SIGTERM)
        case .throw: throw RunError("a fault that \(Self.variable) asked for")
        case .spin: while true {}
        case .sleep: usleep(UInt32(seconds * 1e6))
        case .nan: break
        }
    }
}
