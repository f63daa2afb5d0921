import Metrics

/// Everything that decides a run, as it stands in the configuration file, with defaults filled in and paths absolute.
///
/// To add a key, add a property with its default to one of the sections, and one line to the section's `keys`: reading,
/// `--set`, error messages, the saved configuration, the comparison on resume and the reference follow.
public struct RunConfiguration: Sendable, Equatable {
    /// Nil: a small encoder with random weights.
    public var model: ModelSource?
    /// Never empty.
    public var tasks: [TaskEntry] = []
    public var batch = Batch()
    public var length = RunLength.epochs(3)
    public var sampling = Sampling()
    public var weighting = Weighting()
    public var optimizer = Optimizer()
    public var schedule = Schedule()
    /// Of hidden layers, attention and classifier. Nil: as the model's own configuration says.
    public var dropout: Double?
    public var pooling = PoolingChoice.cls
    public var freeze = Freeze()
    public var regularization = Regularization()
    public var precision = Precision.fp32
    public var seed: UInt64 = 42
    public var finishing = Finishing()
    public var evaluation = Evaluation()
    public var checkpoint = Checkpoint()
    /// A run stops after so many steps in a row without a finite loss and gradient.
    public var maxSkippedSteps = 10
    /// Seconds without progress after which a rank is given up, and the run with it; 0 never does.
    public var watchdog = 300
    /// Nil: no limit.
    public var timeLimit: TimeLimit?
    /// The run folder. Relative to the current directory in the file, absolute here.
    public var output = "runs/reviews"
    /// Only `compare` looks at it.
    public var compare = Compare()

    public init() {}

    /// How long a run is.
    public enum RunLength: Sendable, Equatable {
        /// An epoch is one pass over the sum of all tasks.
        case epochs(Double)
        case steps(Int)

        /// The number of steps, where an epoch has so many examples and a step takes so many of them.
        public func steps(examplesPerEpoch: Int, batchSize: Int) -> Int {
            switch self {
            case .steps(let steps): steps
            case .epochs(let epochs): Int((epochs * Double(examplesPerEpoch) / Double(batchSize)).rounded(.up))
            }
        }
    }

    public enum Precision: String, ConfigurationChoice {
        case fp32, bf16
        /// Also where the processor has no instructions for it, slowly.
        case bf16Emulated = "bf16-emulated"
    }
}

extension RunConfiguration: ConfigurationSection {
    static let keys: [ConfigurationKey<Self>] = [
        .optional(
            "model", \.model, unset: "a small random encoder", resume: .location,
            help: "model folder, or hub id such as google-bert/bert-base-uncased"),
        .list("tasks", \.tasks, help: "one entry a task"),
        .section("batch", \.batch, help: "what a step takes"),
        .optional(
            "epochs", \.epochs, .within(0...1_000_000), unset: "3, where steps is not given", resume: .free,
            help: "an epoch is one pass over the sum of all tasks"),
        .optional(
            "steps", \.steps, .within(0...1_000_000_000), unset: "as epochs says", resume: .free,
            help: "instead of epochs; 0 saves the starting point"),
        .section("sampling", \.sampling, help: "how often a task's examples are drawn"),
        .section("weighting", \.weighting, help: "how the tasks' losses or gradients are added up"),
        .section("optimizer", \.optimizer, help: "AdamW (Loshchilov and Hutter 2019)"),
        .section("schedule", \.schedule, help: "the learning rate's course over the run"),
        .optional(
            "dropout", \.dropout, .within(0...0.999), unset: "the model's own",
            help: "of hidden layers, attention and classifier"),
        .value("pooling", \.pooling, help: "what the heads see: BERT's pooler on [CLS], or the mean over all tokens"),
        .section("freeze", \.freeze, help: "what of the encoder is not trained"),
        .section("regularization", \.regularization, help: "against learning single examples by heart"),
        .value("precision", \.precision, help: "of the encoder's matrix products; all else is fp32"),
        .value("seed", \.seed, help: "decides order, dropout, limits and new weights"),
        .section("finishing", \.finishing, resume: .free, help: "each task by itself, behind joint training"),
        .section("evaluation", \.evaluation, help: "looking at the tasks on the way"),
        .section("checkpoint", \.checkpoint, resume: .free, help: "saving on the way; the last step always is"),
        .value(
            "max_skipped_steps", \.maxSkippedSteps, .atLeast(1), resume: .free,
            help: "stop after so many steps in a row without a finite loss and gradient"),
        .value(
            "watchdog", \.watchdog, .within(0...1_000_000), resume: .free,
            help: "seconds without progress after which a rank is given up, and the run with it; 0 never"),
        .optional(
            "time_limit", \.timeLimit, unset: "none", resume: .free,
            help: "stop behind a checkpoint after this time, with exit code 75"),
        .value("output", \.output, notEmpty, resume: .free, help: "run folder, relative to the current directory"),
        .section("compare", \.compare, help: "what compare trains; train ignores it"),
    ]

    private static let notEmpty = ConfigurationCheck<String>(text: ", a folder") { !$0.isEmpty }

    private var epochs: Double? {
        get { if case .epochs(let epochs) = length { epochs } else { nil } }
        set { if let newValue { length = .epochs(newValue) } }
    }

    private var steps: Int? {
        get { if case .steps(let steps) = length { steps } else { nil } }
        set { if let newValue { length = .steps(newValue) } }
    }
}
