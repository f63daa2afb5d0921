import Checkpoints
import Foundation
import Metrics
import Synchronization

extension TrainingRun {
    /// The split that a comparison scores a task on.
    func heldOutSplit(_ task: Int) -> RunConfiguration.Evaluation.Split { datasets[task].test == nil ? .dev : .test }

    /// Whether any task has rows that a second set of scores leaves out.
    var hasExcluded: Bool { datasets.contains { !$0.testExcludes.isEmpty } }

    /// Collective: scores of every task on its test file, or its dev file where it has none, with the parameters as they
    /// are; nil where a stop cut it short.
    func heldOutScores() throws -> SplitScores? {
        try watch.enter(.evaluation, step: state.step)
        let evaluator = Evaluator(
            files: datasets.map { $0.test ?? $0.dev }, tasks: model.tasks, tokenizer: source.tokenizer,
            maxLength: configuration.batch.maxLength,
            excluded: datasets.map { $0.test == nil ? [] : $0.testExcludes })
        return try evaluator.scores(replica.lanes.map(\.pass), communicator, goesOn: watch.goesOn)
    }

    /// Collective: takes back the parameters of the best evaluation. The run cannot be trained on afterwards.
    ///
    /// - Returns: its step.
    func restoreBest() throws -> Int {
        let step = state.best?.step ?? state.step
        try communicator.agreeing {
            guard isRoot else { return }
            let file = store.checkpoint(step: step).file("model.safetensors")
            try model.loadParameters(
                from: try SafetensorsFile(file), file: file, as: .checkpoint, into: replica.exchange.parameters,
                note: { _ in })
        }
        try replica.broadcastParameters()
        return step
    }

    /// The folders of the runs of the tasks by themselves, where the configuration asks for them.
    var finishingFolders: [String] {
        configuration.finishing.epochs == 0
            ? [] : configuration.tasks.map { configuration.finishing($0, from: "").output }
    }

    /// Deletes all checkpoints.
    func removeModels() {
        for folder in [configuration.output] + finishingFolders {
            try? FileManager.default.removeItem(atPath: RunFolder(path: folder).checkpointsFolder)
        }
    }

    /// How often each task's examples were seen in training: examples seen ÷ examples.
    var passes: [Double] {
        let counts = planner.examplesSeen(after: state.step)
        return zip(counts, datasets).map { Double($0) / Double($1.trainingRows.count) }
    }
}

/// Keeps the scores of a run's last evaluation of each split, and hands on what the user should know.
final class ScoreKeeper: RunObserver {
    private let evaluations = Mutex<[String: RunEvent.Evaluation]>([:])
    private let warn: @Sendable (String) -> Void

    init(warn: @escaping @Sendable (String) -> Void) { self.warn = warn }

    func record(_ event: RunEvent) {
        switch event {
        case .warning(let text): warn(text)
        case .skipped(let skipped): warn("step \(skipped.step) skipped: \(skipped.reason) is not finite")
        case .evaluation(let evaluation): evaluations.withLock { $0[evaluation.split] = evaluation }
        default: break
        }
    }

    /// The scores of every task on its test file, or its dev file where it has none, after the run's last step; nil where not
    /// all of them are known.
    func heldOutScores(of run: TrainingRun) -> SplitScores? {
        func all(_ testSplit: String) -> [NamedScores]? {
            let known = run.datasets.indices.compactMap { task in
                let split = run.heldOutSplit(task) == .test ? testSplit : "dev"
                return scores(of: run.datasets[task].name, split, step: run.state.step)
            }
            return known.count == run.datasets.count ? known : nil
        }
        guard let scores = all("test") else { return nil }
        guard run.hasExcluded else { return SplitScores(all: scores) }
        return all(RunEvent.Evaluation.testWithoutExcluded).map { SplitScores(all: scores, withoutExcluded: $0) }
    }

    private func scores(of task: String, _ split: String, step: Int) -> NamedScores? {
        let evaluation = evaluations.withLock { $0[split] }
        guard let evaluation, evaluation.step == step else { return nil }
        return evaluation.tasks.first { $0.name == task }
    }
}
