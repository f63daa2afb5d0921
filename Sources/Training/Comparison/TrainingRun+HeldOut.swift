import Checkpoints
import Metrics
import Synchronization

extension TrainingRun {
    /// The split that a comparison scores a task on.
    func heldOutSplit(_ task: Int) -> RunConfiguration.Evaluation.Split { datasets[task].test == nil ? .dev : .test }

    /// Collective: scores of every task on its test file, or its dev file where it has none, with the parameters as they
    /// are; nil where a stop cut it short.
    func heldOutScores() throws -> [NamedScores]? {
        try watch.enter(.evaluation, step: state.step)
        let evaluator = Evaluator(
            files: datasets.map { $0.test ?? $0.dev }, tasks: model.tasks, tokenizer: source.tokenizer,
            maxLength: configuration.batch.maxLength)
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

    /// The scores of a task on a split after a step, where it was scored then.
    func scores(of task: String, _ split: String, step: Int) -> NamedScores? {
        let evaluation = evaluations.withLock { $0[split] }
        guard let evaluation, evaluation.step == step else { return nil }
        return evaluation.tasks.first { $0.name == task }
    }
}
