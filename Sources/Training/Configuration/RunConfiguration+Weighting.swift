import Foundation
import Optimization
import TaskData

extension RunConfiguration {
    /// How the tasks' losses, or their gradients, are added up.
    public struct Weighting: Sendable, Equatable, ConfigurationSection {
        /// One of `taskWeightings`, by its name.
        public struct Strategy: Sendable, Equatable {
            public let name: String

            /// Nil for a name that there is not.
            public init?(name: String) {
                guard taskWeightings.contains(where: { $0.name == name }) else { return nil }
                self.name = name
            }

            private init(_ type: any TaskWeighting.Type) { name = type.name }

            /// By the tasks' own `weight`.
            public static let `static` = Strategy(StaticWeighting.self)
        }

        public enum Reduction: String, ConfigurationChoice {
            /// The sum of the tasks' mean losses.
            case taskMean = "task_mean"
            /// The mean over all examples of the step.
            case exampleMean = "example_mean"
        }

        public var strategy = Strategy.static
        public var reduction = Reduction.taskMean
        /// The following are for the strategies that their help names; others do not look at them.
        public var temperature = 2.0
        /// In steps. Nil: an epoch.
        public var interval: Int?
        /// Nil: as the strategy's paper has it.
        public var alpha: Double?
        public var rate = 0.025
        public var decay = 0.001

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value("strategy", \.strategy, help: "each task by its weight, and by this on top of it"),
            .value("reduction", \.reduction, help: "every task counts the same, or every example does"),
            .value("temperature", \.temperature, .above(0), help: "of dwa; greater is more even"),
            .optional(
                "interval", \.interval, .atLeast(1), unset: "an epoch", help: "of dwa: steps that it averages over"),
            .optional(
                "alpha", \.alpha, .within(0...1000), unset: "1.5 for gradnorm, 0.5 for cagrad",
                help: "of gradnorm: the pull towards an equal pace; of cagrad: its c, below 1"),
            .value("rate", \.rate, .above(0), help: "of uncertainty, famo and gradnorm: how fast they learn weights"),
            .value("decay", \.decay, .atLeast(0), help: "of famo: the pull of its weights towards each other"),
        ]
    }
}

extension RunConfiguration.Weighting.Strategy: ConfigurationValue {
    static var expected: String { orList(taskWeightings.map { $0.name }) }
    static func read(_ node: SettingNode, _ paths: PathResolver) -> Self? { node.scalarText.flatMap { Self(name: $0) } }
    var node: SettingNode? { .plain(name) }

    var type: any TaskWeighting.Type { taskWeightings.first { $0.name == name } ?? StaticWeighting.self }
}

extension RunConfiguration {
    /// The rule that weights tasks.
    func taskWeighting(_ datasets: [TaskDataset], stepsPerEpoch: Int) -> any TaskWeighting {
        weighting.strategy.type.init(
            TaskWeightingSettings(
                guessLosses: datasets.map(\.guessLoss), seed: seed, interval: weighting.interval ?? stepsPerEpoch,
                temperature: weighting.temperature, alpha: weighting.alpha, rate: weighting.rate,
                decay: weighting.decay))
    }

    /// Whether any step takes the gradient of each task by itself.
    var needsTaskGradients: Bool {
        evaluation.gradientCosines > 0 || weighting.strategy.type is any GradientCombination.Type
    }

    /// Whether a step does.
    func needsTaskGradients(step: Int) -> Bool {
        weighting.strategy.type is any GradientCombination.Type || showsCosines(step: step)
    }

    /// Whether a step tells how the tasks' gradients lie to each other.
    func showsCosines(step: Int) -> Bool { evaluation.gradientCosines > 0 && step % evaluation.gradientCosines == 0 }
}

extension TaskDataset {
    /// The loss of a guess that knows nothing; that of a number has no natural unit, and counts as 1.
    fileprivate var guessLoss: Double {
        switch kind {
        case .singleLabel: log(Double(max(2, labelNames.count)))
        case .multiLabel: log(2)
        case .regression: 1
        }
    }
}
