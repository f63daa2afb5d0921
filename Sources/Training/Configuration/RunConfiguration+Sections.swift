import Metrics
import TaskData

extension ShardBalance: ConfigurationChoice {}

extension RunConfiguration {
    /// What a step takes.
    public struct Batch: Sendable, Equatable, ConfigurationSection {
        /// Examples of all tasks in a step.
        public var size = 32
        public var shards = Shards.count(8)
        public var balance = ShardBalance.none
        /// Tokens of an example, special tokens included; longer ones are cut.
        public var maxLength = 128
        public var truncation = Truncation.head

        public enum Truncation: String, ConfigurationChoice {
            case head
            case headAndTail = "head_tail"
        }

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value("size", \.size, .within(1...1_000_000), help: "examples of all tasks in a step"),
            .value("shards", \.shards, help: "canonical shards of a step; auto: the fewest from 8 that suit the ranks"),
            .value(
                "balance", \.balance,
                help: "which examples share a shard: by their order, or by tokens, so that all ranks have as many"),
            .value(
                "max_length", \.maxLength, .within(3...100_000), help: "tokens of an example, special tokens included"),
            .value(
                "truncation", \.truncation,
                help: "what stays of longer texts: their beginning, or a quarter of it and three of the end"),
        ]
    }

    /// How often the examples of each task are drawn.
    public struct Sampling: Sendable, Equatable, ConfigurationSection {
        public enum Strategy: String, ConfigurationChoice {
            /// As often as the task has examples.
            case proportional
            /// Every task as often as every other.
            case uniform
            /// As often as its number of examples to the power of 1 ÷ temperature (Arivazhagan et al. 2019).
            case temperature
            /// By size at first, more evenly from epoch to epoch (Stickland and Murray 2019).
            case annealed
        }

        public var strategy = Strategy.proportional
        /// 1 is proportional; the greater, the more even. Only the temperature strategy looks at it.
        public var temperature = 2.0

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "strategy", \.strategy,
                help: "by task size, evenly, by a power of the size, or by a power that falls over the epochs"),
            .value(
                "temperature", \.temperature, .atLeast(1), help: "of the temperature strategy; greater is more even"),
        ]
    }

    /// AdamW.
    public struct Optimizer: Sendable, Equatable, ConfigurationSection {
        /// The greatest of the schedule.
        public var learningRate = 2.0e-5
        public var weightDecay = 0.01
        public var beta1 = 0.9
        public var beta2 = 0.999
        public var epsilon = 1.0e-8
        /// Longer gradients are scaled down to it.
        public var maxGradientNorm = 1.0
        /// From each layer of the encoder to the one below the learning rate falls by this factor.
        public var layerDecay = 1.0

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value("learning_rate", \.learningRate, .above(0), help: "the greatest of the schedule"),
            .value("weight_decay", \.weightDecay, .atLeast(0), help: "not of biases and layer norms"),
            .value("beta1", \.beta1, .within(0..<1), help: "decay of the first moment"),
            .value("beta2", \.beta2, .within(0..<1), help: "decay of the second moment"),
            .value("epsilon", \.epsilon, .within(1e-30...1), help: "added to the root of the second moment"),
            .value("max_gradient_norm", \.maxGradientNorm, .above(0), help: "longer gradients are scaled down to it"),
            .value(
                "layer_decay", \.layerDecay, .within(0.01...1),
                help: "of the learning rate, from each layer to the one below; 0.95 is usual"),
        ]
    }

    /// The learning rate's course over the run.
    public struct Schedule: Sendable, Equatable, ConfigurationSection {
        /// After the warmup.
        public enum Kind: String, ConfigurationChoice {
            /// Falls to 0 at the last step.
            case linear
            case constant
            /// Falls to 0 at the last step along half a cosine.
            case cosine
        }

        public var kind = Kind.linear
        public var warmup = Warmup.fraction(0.1)

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value("kind", \.kind, help: "after the warmup: fall to 0 on a line or half a cosine, or stay"),
            .value("warmup", \.warmup, help: "linear from 0: a fraction of all steps, or a number of steps"),
        ]
    }

    /// Looking at the tasks on the way.
    public struct Evaluation: Sendable, Equatable, ConfigurationSection {
        public enum Split: String, ConfigurationChoice {
            case dev, test
        }

        /// In steps; the last step is always evaluated.
        public var every = 200
        public var split = Split.dev
        /// What decides which checkpoint is best.
        public var best = Criterion(task: nil, score: .accuracy)
        /// In steps; 0 never.
        public var gradientCosines = 0
        /// Evaluations without a gain after which a task is trained no more; 0 never.
        public var patience = 0

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "every", \.every, .atLeast(0), resume: .free,
                help: "steps; the last step always is, and with 0 only that"),
            .value("split", \.split, resume: .free, help: "which file of each task"),
            .value("best", \.best, resume: .free, help: "decides which checkpoint is kept as the best"),
            .value(
                "patience", \.patience, .atLeast(0),
                help: "a task that does not get better in so many evaluations is trained no more; 0: all to the end"),
            .value(
                "gradient_cosines", \.gradientCosines, .atLeast(0),
                help:
                    "log every so many steps how the tasks' gradients lie to each other; 0 never. Such a step adds up in "
                    + "another order, so that this stays the same on resume"),
        ]
    }

    /// Saving on the way.
    public struct Checkpoint: Sendable, Equatable, ConfigurationSection {
        /// In steps; the last step is always saved.
        public var every = 200
        /// So many of the newest are kept, beside the best.
        public var keep = 3
        /// Whether the best of each task is kept as well.
        public var bestPerTask = false

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value("every", \.every, .atLeast(0), help: "steps; the last step always is, and with 0 only that"),
            .value("keep", \.keep, .within(1...1_000_000), help: "so many of the newest, beside the best"),
            .value("best_per_task", \.bestPerTask, help: "keep the best of each task too, as checkpoints/best-TASK"),
        ]
    }
}
