import Metrics

extension RunConfiguration {
    /// What follows joint training: each task by itself, from the joint model.
    public struct Finishing: Sendable, Equatable, ConfigurationSection {
        /// Passes over each task's own examples; 0 for no such phase.
        public var epochs = 0.0
        /// Nil: half of the run's own.
        public var learningRate: Double?

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "epochs", \.epochs, .within(0...1_000_000),
                help: "passes over each task's examples by itself, behind joint training; 0 for none"),
            .optional(
                "learning_rate", \.learningRate, .above(0), unset: "half of the optimizer's",
                help: "the greatest of that phase"),
        ]
    }

    /// The run that goes on with one task from the joint model.
    ///
    /// - Parameter checkpoint: the folder of the joint model, whose classification head of the task is taken over too.
    func finishing(_ task: TaskEntry, from checkpoint: String) -> RunConfiguration {
        var run = self
        run.model = .folder(checkpoint)
        run.tasks = [task]
        run.length = .epochs(finishing.epochs)
        run.optimizer.learningRate = finishing.learningRate ?? optimizer.learningRate / 2
        run.finishing = Finishing()
        run.weighting.strategy = .static
        run.sampling = Sampling()
        // What the joint run is judged by, where the task has it.
        let score = task.kind.scores.contains(evaluation.best.score) ? evaluation.best.score : .loss
        run.evaluation.best = Criterion(task: nil, score: score)
        (run.evaluation.every, run.checkpoint.every, run.checkpoint.keep) = (0, 0, 1)
        run.output = "\(output)/finished/\(task.name)"
        return run
    }
}
