import Foundation
import Metrics
import Reporting
import Synchronization

/// Collects what is written, and holds a clock that only tests move.
final class Screen: Sendable {
    private let state = Mutex((text: "", time: 1000.0))

    /// All that was written so far; reading it begins anew.
    func take() -> String {
        state.withLock { state in
            defer { state.text = "" }
            return state.text
        }
    }

    private func take(in text: String) { state.withLock { $0.text += text } }

    func wait(_ seconds: Double) { state.withLock { $0.time += seconds } }
    var time: Double { state.withLock { $0.time } }

    func display(isLive: Bool, usesColor: Bool = false, width: Int = 200) -> ProgressDisplay {
        let output = TextOutput(
            isLive: isLive, usesColor: usesColor, width: { width }, write: { [self] text in take(in: text) })
        return ProgressDisplay(output: output, directory: "/here", command: "mtbert-dist", clock: { [self] in time })
    }
}

/// A folder that goes when the body is done.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = NSTemporaryDirectory() + "reporting-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

enum Sample {
    static let start = RunEvent.start(
        .init(
            version: "0.1.0", model: "/here/models/minilm", parameterCount: 22_713_216, precision: "fp32",
            tasks: [
                .init(name: "books", labels: ["negative", "positive"], trainCount: 1400, devCount: 200),
                .init(name: "zh", labels: ["负面", "正面"], trainCount: 12_000, devCount: 10, testCount: 9),
            ],
            worldSize: 4, threads: 1, machine: "node7 (16 cores, 64 GB)", batchSize: 32, shards: 8, maxLength: 128,
            totalSteps: 400, seed: 42,
            output: "/here/runs/reviews"))

    static func step(_ number: Int, of total: Int = 400, loss: Double = 0.5) -> RunEvent {
        .step(
            .init(
                step: number, totalSteps: total, loss: loss,
                tasks: [.init(name: "books", loss: 0.25), .init(name: "zh", loss: 0.75)], learningRate: 2e-5,
                gradientNorm: 1.5, examples: 32, tokens: 1000, tokensPerSecond: 2000,
                seconds: .init(data: 0.1, forward: 0.1, backward: 0.2, communication: 0.05, optimizer: 0.05)))
    }

    static func weightedStep(_ number: Int) -> RunEvent {
        guard case .step(var step) = step(number) else { return step(number) }
        (step.tasks[0].weight, step.tasks[1].weight) = (1.5, 0.5)
        return .step(step)
    }

    static func gradients(_ step: Int) -> RunEvent {
        .gradients(
            .init(step: step, tasks: ["books", "zh"], cosines: [[1, -0.25], [-0.25, .nan]], norms: [0.5, 0]))
    }

    static func evaluation(_ step: Int, isBest: Bool = true) -> RunEvent {
        let books = TaskScores(
            count: 200, loss: 0.4, accuracy: 0.875, macroF1: 0.87, macroRecall: 0.86, matthews: 0.75)
        let zh = TaskScores(count: 1000, loss: 0.2, accuracy: 0.925, macroF1: 0.91, macroRecall: 0.9, matthews: 0.85)
        return .evaluation(
            .init(
                step: step, split: "dev",
                tasks: [NamedScores(name: "books", scores: books), NamedScores(name: "zh", scores: zh)],
                criterion: "mean.accuracy", score: 0.9, isBest: isBest, seconds: 1.5))
    }

    static func checkpoint(_ step: Int) -> RunEvent {
        .checkpoint(
            .init(
                step: step, path: "/here/runs/reviews/checkpoints/step-00000200", bytes: 87_300_000, seconds: 0.4))
    }

    static let resume = RunEvent.resume(
        .init(step: 200, checkpoint: "/elsewhere/step-00000200", worldSize: 2, threads: 1))

    static let skipped = RunEvent.skipped(
        .init(
            step: 3, reason: "the loss of task books", examples: (0..<10).map { .init(task: "books", index: $0 * 7) },
            inARow: 2))

    static func end(_ status: RunEvent.End.Status = .finished) -> RunEvent {
        .end(
            .init(
                step: 400, modelSHA256: String(repeating: "ab", count: 32), status: status, seconds: 185,
                best: .init(step: 200, criterion: "mean.accuracy", score: 0.9), skippedSteps: 1,
                checkpoint: "/here/runs/reviews/checkpoints/step-00000400"))
    }
}
