import Checkpoints
import Foundation
import MPI
import Metrics
import MultiTaskBERT
import TaskData
import Tokenization

/// Scores a checkpoint on files of its tasks.
public struct CheckpointEvaluation {
    private let saved: SavedModel
    private let configuration: RunConfiguration
    private let precision: ProductPrecision
    private let evaluator: Evaluator
    private let step: Int
    private let split: RunConfiguration.Evaluation.Split
    private let threads: Int
    private let watch: RankWatch

    /// The configuration that names the files.
    ///
    /// - Parameter file: nil for the `run.yaml` of the run that the checkpoint belongs to.
    public static func configuration(of checkpoint: String, file: String?, overrides: [String]) throws
        -> RunConfiguration
    {
        try SavedModel.requirePresence(checkpoint)
        let file = try file ?? runFile(of: try? Checkpoint(folder: checkpoint), checkpoint)
        // A file that only names others' files leaves it to the model how texts are cut.
        var defaults = RunConfiguration()
        if let batch = SavedModel.batch(of: checkpoint) { defaults.batch = batch }
        return try RunConfiguration(contentsOf: file, overrides: overrides, defaults: defaults)
    }

    /// Collective.
    ///
    /// - Parameters:
    ///   - configuration: names the tasks' files.
    ///   - split: `dev` or `test`.
    ///   - watch: of all ranks.
    /// - Throws: `AgreedFailure` on every rank where anything is wrong on one.
    public init(
        checkpoint: String, _ configuration: RunConfiguration, split: String, threads: ThreadCount, watch: RankWatch
    ) throws {
        (self.watch, self.configuration) = (watch, configuration)
        let communicator = watch.communicator
        try watch.enter(.loading, step: 0)
        let placement = try RankPlacement(communicator)
        self.threads =
            switch threads {
            case .auto: placement.machines.map(\.coresPerRank).min() ?? 1
            case .count(let count): count
            }
        (saved, precision, evaluator, step, self.split) = try communicator.agreeing {
            guard let split = RunConfiguration.Evaluation.Split(rawValue: split) else {
                throw UsageError("--split is \(split); it must be dev or test")
            }
            let saved = try SavedModel(checkpoint: checkpoint)
            try configuration.requireFit(in: saved.model.configuration)
            let files = try saved.model.tasks.map { task in
                try Self.file(of: task, split, configuration)
            }
            guard files.contains(where: { $0 != nil }) else {
                throw UsageError(
                    "no \(split.rawValue) file is named for any task of \(checkpoint); name one, as by "
                        + "--set tasks.\(saved.model.tasks[0].name).\(split.rawValue)=FILE")
            }
            var tokenizer = saved.tokenizer
            tokenizer.truncation = configuration.truncation
            let evaluator = Evaluator(
                files: files, tasks: saved.model.tasks, tokenizer: tokenizer, maxLength: configuration.batch.maxLength)
            let precision = try ProductPrecision(configuration.precision)
            let step = (try? Checkpoint(folder: saved.folder))?.step ?? 0
            return (saved, precision, evaluator, step, split)
        }
    }

    /// Collective. - Returns: the scores, on every rank.
    public func run() throws -> RunEvent.Evaluation {
        let began = Date()
        try watch.enter(.evaluation, step: step)
        let weights = EncoderWeights(saved.model, parameters: saved.parameters.view, precision)
        weights.update(threads: threads)
        let passes = (0..<threads).map { _ in
            ModelPass(saved.model, parameters: saved.parameters.view, weights: weights)
        }
        let scores =
            try evaluator.scores(passes, watch.communicator) { [watch] in
                watch.noteProgress()
                return true
            }?.all ?? []
        let criterion = configuration.evaluation.best
        return RunEvent.Evaluation(
            step: step, split: split.rawValue, tasks: scores, criterion: criterion.description,
            score: criterion.value(in: scores), isBest: false, seconds: Date().timeIntervalSince(began))
    }

    /// The configuration that was saved with a run: `run.yaml` beside `checkpoints/`.
    private static func runFile(of checkpoint: Checkpoint?, _ path: String) throws -> String {
        let folder = checkpoint?.path ?? path
        let file =
            URL(fileURLWithPath: folder).deletingLastPathComponent().deletingLastPathComponent().path + "/run.yaml"
        if FileManager.default.fileExists(atPath: file) { return file }
        throw UsageError(
            "\(path) lies in no run folder (no \(file)); say with --config where the tasks' files are named")
    }

    /// A task's file for the split, read with the labels that the model knows; nil where the configuration has none.
    private static func file(
        of task: ClassificationTask, _ split: RunConfiguration.Evaluation.Split, _ configuration: RunConfiguration
    ) throws -> TaskFile? {
        guard let entry = configuration.tasks.first(where: { $0.name == task.name }) else { return nil }
        guard entry.taskKind == task.kind else {
            throw UsageError(
                "tasks.\(task.name).kind is \(entry.taskKind.rawValue), but the checkpoint's is \(task.kind.rawValue)")
        }
        let description = try TaskDescription(entry)
        guard let source = split == .dev ? description.dev : description.test else { return nil }
        return try TaskFile(
            source, columns: description.columns,
            labels: task.kind == .regression ? nil : try LabelSet(task.labels, task: task.name),
            onBadRow: description.onBadRow)
    }
}
