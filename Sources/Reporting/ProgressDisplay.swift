import Foundation
import Metrics
import Synchronization

/// Shows a run to the person who waits for it, on rank 0.
///
/// On a terminal one live line is redrawn, at most ten times a second; elsewhere (a file, a job's log) there are plain
/// lines: the first step, then one at most every `plainInterval` seconds, and the last. Evaluations, checkpoints and
/// warnings stay above the live line.
public final class ProgressDisplay: RunObserver {
    private struct State {
        var start: RunEvent.Start?
        /// Whether the cursor stands at the end of a live line.
        var isLineDrawn = false
        var lastStepShown: Double?
        /// The clock when the first step of this session began, and its number.
        var firstStep: (began: Double, number: Int)?
        var tokens = MovingAverage()
        var stepSeconds = MovingAverage()
    }

    private let state = Mutex(State())
    private let output: TextOutput
    private let clock: @Sendable () -> Double
    private let plainInterval: Double
    private let directory: String
    /// How the user calls the program.
    let command: String

    /// - Parameters:
    ///   - output: where to show it.
    ///   - plainInterval: seconds between plain lines.
    ///   - directory: paths inside this folder are shown relative to it.
    ///   - command: how the user calls the program, for the commands to go on with; as it was called where nil.
    ///   - clock: seconds since any point in time, never falling.
    public init(
        output: TextOutput = .standardError(), plainInterval: Double = 10,
        directory: String = FileManager.default.currentDirectoryPath,
        command: String? = ProcessInfo.processInfo.environment["MTBERT_COMMAND"],
        clock: @escaping @Sendable () -> Double = { ProcessInfo.processInfo.systemUptime }
    ) {
        self.output = output
        self.clock = clock
        self.plainInterval = plainInterval
        self.directory = directory
        self.command = command ?? shellQuoted(CommandLine.arguments.first ?? "mtbert-dist")
    }

    public func record(_ event: RunEvent) {
        state.withLock { state in
            switch event {
            case .phase(let name):
                showPassing("\(printable(name)) …", in: &state)
            case .warning(let message):
                show([output.styled("warning:", .warning) + " " + printable(message)], in: &state)
            case .start(let start):
                state.start = start
                show(startLines(start), in: &state)
            case .resume(let resume):
                show(["goes on after step \(resume.step), from \(shown(resume.checkpoint))"], in: &state)
            case .step(let step):
                showStep(step, in: &state)
            case .gradients:
                break
            case .skipped(let skipped):
                show([output.styled("warning:", .warning) + " " + skippedLine(skipped)], in: &state)
            case .evaluation(let evaluation):
                show(evaluationLines(evaluation), in: &state)
            case .mistakes: break
            case .checkpoint(let checkpoint):
                let cost = "\(byteCount(checkpoint.bytes)), \(duration(checkpoint.seconds))"
                show(["step \(checkpoint.step): saved \(shown(checkpoint.path)) (\(cost))"], in: &state)
            case .end(let end):
                show(endLines(end, start: state.start), in: &state)
            }
        }
    }

    /// Prints lines that stay.
    private func show(_ lines: [String], in state: inout State) {
        let erase = state.isLineDrawn ? "\r\u{1B}[K" : ""
        state.isLineDrawn = false
        output.write(erase + lines.map { $0 + "\n" }.joined())
    }

    /// Draws a line that the next one replaces; where that cannot be, prints it.
    private func showPassing(_ line: String, in state: inout State) {
        guard output.isLive else { return show([line], in: &state) }
        // The last column stays free: many terminals wrap as soon as it is filled.
        output.write("\r" + cut(line, toWidth: output.width() - 1) + "\u{1B}[K")
        state.isLineDrawn = true
    }

    private func showStep(_ step: RunEvent.Step, in state: inout State) {
        let now = clock()
        let seconds = step.seconds.total
        if state.firstStep == nil { state.firstStep = (now - seconds, step.step) }
        state.tokens.add(Double(step.tokens))
        state.stepSeconds.add(step.tokensPerSecond > 0 ? Double(step.tokens) / step.tokensPerSecond : seconds)

        let interval = output.isLive ? 0.1 : plainInterval
        let isDue = state.lastStepShown.map { now - $0 >= interval } ?? true
        guard isDue || step.step == step.totalSteps else { return }
        state.lastStepShown = now
        var remaining: Double?
        if let first = state.firstStep, step.totalSteps > step.step {
            // Over all that happened since the first step: evaluations and checkpoints will take their share again.
            remaining = (now - first.began) / Double(step.step - first.number + 1) * Double(step.totalSteps - step.step)
        }
        let speed = state.tokens.value / state.stepSeconds.value
        showPassing(stepLine(step, tokensPerSecond: speed, remaining: remaining), in: &state)
        // The last one is a result: it stays.
        if output.isLive, step.step == step.totalSteps {
            output.write("\n")
            state.isLineDrawn = false
        }
    }

    /// A path as the user would type it: relative to the current directory where it is inside.
    func shown(_ path: String) -> String {
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        return printable(path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path)
    }

    func styled(_ text: String, _ style: TextOutput.Style) -> String { output.styled(text, style) }
}

/// An exponential moving average over about twenty values, without the pull towards zero of its beginning.
struct MovingAverage {
    private static let decay = 0.95
    private var sum = 0.0
    private var weight = 0.0

    mutating func add(_ value: Double) {
        sum = sum * Self.decay + value
        weight = weight * Self.decay + 1
    }

    var value: Double { weight > 0 ? sum / weight : 0 }
}
