import Foundation
import Metrics

/// Writes what `tensorboard --logdir` plots: losses, learning rate, gradient norm and throughput of every step, and the
/// scores of every evaluation.
///
/// Tags are grouped so that one chart group compares the tasks: `loss/all`, `loss/TASK`, `train/learning_rate`,
/// `train/gradient_norm`, `train/tokens_per_second`, `weight/TASK` where a strategy weights the tasks, `gradient_cosine/A_B`
/// and `task_gradient_norm/TASK` where gradients are looked at, and `dev_accuracy/TASK`, `dev_accuracy/mean` and so on for each
/// score. A resumed run writes a new file, which makes TensorBoard forget the steps after the checkpoint.
public final class TensorBoardWriter: RunObserver {
    private let file: RecordFile
    private let time: @Sendable () -> Double

    /// Starts an event file in a folder that is there.
    ///
    /// - Parameters:
    ///   - folder: the run folder.
    ///   - time: seconds since 1970.
    ///   - onFailure: called once, when an event cannot be written. The run goes on, and each later event is tried.
    /// - Throws: `ReportingError` where the file cannot be created.
    public init(
        folder: String, time: @escaping @Sendable () -> Double = { Date().timeIntervalSince1970 },
        onFailure: @escaping @Sendable (ReportingError) -> Void = ReportingError.warn
    ) throws(ReportingError) {
        // TensorBoard reads the files of a folder in the order of their names, which the time makes that of the runs.
        let host = ProcessInfo.processInfo.hostName.replacingOccurrences(of: "/", with: "_")
        let process = ProcessInfo.processInfo.processIdentifier
        let name = "events.out.tfevents.\(Int(time())).\(host).\(process)"
        var path = "\(folder)/\(name).0"
        var number = 0
        while FileManager.default.fileExists(atPath: path) {
            number += 1
            path = "\(folder)/\(name).\(number)"
        }
        file = try RecordFile(path: path, onFailure: onFailure)
        self.time = time
        write(.fileVersion(time: time()))
    }

    public func record(_ event: RunEvent) {
        switch event {
        case .resume(let resume):
            write(.sessionStart(time: time(), step: resume.step + 1))
        case .step(let step):
            var scalars = [("loss/all", step.loss)]
            scalars += step.tasks.map { ("loss/\($0.name)", $0.loss) }
            scalars += step.tasks.compactMap { task in task.weight.map { ("weight/\(task.name)", $0) } }
            scalars.append(("train/learning_rate", step.learningRate))
            scalars.append(("train/gradient_norm", step.gradientNorm))
            scalars.append(("train/tokens_per_second", step.tokensPerSecond))
            write(.scalars(scalars, time: time(), step: step.step))
        case .gradients(let gradients):
            var scalars = zip(gradients.tasks, gradients.norms).map { ("task_gradient_norm/\($0)", $1) }
            for (row, task) in gradients.tasks.enumerated() {
                scalars += gradients.tasks[..<row].enumerated().map { column, other in
                    ("gradient_cosine/\(other)_\(task)", gradients.cosines[row][column])
                }
            }
            write(.scalars(scalars, time: time(), step: gradients.step))
        case .evaluation(let evaluation):
            var rows = evaluation.tasks
            if let mean = TaskScores.mean(of: rows.map(\.scores)) {
                rows.append(NamedScores(name: "mean", scores: mean))
            }
            let scalars = ScoreName.allCases.flatMap { score in
                rows.filter { $0.scores.has(score) }.map {
                    ("\(evaluation.split)_\(score.rawValue)/\($0.name)", $0.scores[score])
                }
            }
            write(.scalars(scalars, time: time(), step: evaluation.step))
        case .phase, .warning, .start, .skipped, .mistakes, .checkpoint, .end:
            break
        }
    }

    private func write(_ event: TensorBoardEvent) {
        file.append(event.record)
    }
}
