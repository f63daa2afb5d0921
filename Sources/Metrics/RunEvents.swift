/// What happens in a run, as values: the training loop makes them, and logs, displays and plots consume them.
///
/// Losses are means over examples, scores are fractions, times are seconds and steps count from 1. An event that
/// `metrics.jsonl` holds documents its fields there under the same names in snake case.
public enum RunEvent: Sendable, Equatable {
    /// Something that may take longer than two seconds begins, such as "loading model". It ends with the next event.
    /// Shown, never logged.
    case phase(String)
    /// Something the user should know about. Shown, never logged.
    case warning(String)
    case start(Start)
    case resume(Resume)
    case step(Step)
    case gradients(Gradients)
    case skipped(Skipped)
    case evaluation(Evaluation)
    /// Kept in a file of its own, not logged.
    case mistakes(Mistakes)
    case checkpoint(Checkpoint)
    case end(End)
}

/// A consumer of run events, called on rank 0 in the order of the events.
///
/// Recording never stops a run: an observer that fails (a full disk, a closed terminal) keeps that to itself and says so
/// in its own way.
public protocol RunObserver: Sendable {
    func record(_ event: RunEvent)
}

/// Hands every event to each of several observers, in their order.
public struct FanOutObserver: RunObserver {
    public var observers: [any RunObserver]

    public init(_ observers: [any RunObserver]) {
        self.observers = observers
    }

    public func record(_ event: RunEvent) {
        for observer in observers { observer.record(event) }
    }
}

extension RunEvent {
    /// The run as it begins, with everything that a reader of the log needs to know about it. Every start of the program
    /// records one; where it resumes a run, `resume` comes next.
    public struct Start: Sendable, Equatable {
        public struct TaskSummary: Sendable, Equatable {
            public var name: String
            public var labels: [String]
            /// Examples after `limit`; nil where the task has no such split.
            public var trainCount: Int
            public var devCount: Int?
            public var testCount: Int?

            public init(name: String, labels: [String], trainCount: Int, devCount: Int? = nil, testCount: Int? = nil) {
                self.name = name
                self.labels = labels
                self.trainCount = trainCount
                self.devCount = devCount
                self.testCount = testCount
            }
        }

        /// The program's version.
        public var version: String
        /// A folder, a hub id or a few words about a random encoder.
        public var model: String
        public var parameterCount: Int
        public var precision: String
        public var tasks: [TaskSummary]
        public var worldSize: Int
        /// Shards that a rank runs at once.
        public var threads: Int
        /// Where the ranks run, and what they may use there, such as "host (2 cores, 24 GB)".
        public var machine: String
        /// Examples of all tasks in a step.
        public var batchSize: Int
        public var shards: Int
        public var maxLength: Int
        public var totalSteps: Int
        public var seed: UInt64
        /// The run folder.
        public var output: String

        public init(
            version: String, model: String, parameterCount: Int, precision: String, tasks: [TaskSummary],
            worldSize: Int, threads: Int, machine: String, batchSize: Int, shards: Int, maxLength: Int,
            totalSteps: Int, seed: UInt64, output: String
        ) {
            self.version = version
            self.model = model
            self.parameterCount = parameterCount
            self.precision = precision
            self.tasks = tasks
            self.worldSize = worldSize
            self.threads = threads
            self.machine = machine
            self.batchSize = batchSize
            self.shards = shards
            self.maxLength = maxLength
            self.totalSteps = totalSteps
            self.seed = seed
            self.output = output
        }
    }

    /// The run goes on after the step that a checkpoint holds.
    public struct Resume: Sendable, Equatable {
        public var step: Int
        public var checkpoint: String
        public var worldSize: Int
        public var threads: Int

        public init(step: Int, checkpoint: String, worldSize: Int, threads: Int) {
            self.step = step
            self.checkpoint = checkpoint
            self.worldSize = worldSize
            self.threads = threads
        }
    }

    /// One optimizer step.
    public struct Step: Sendable, Equatable {
        public struct TaskLoss: Sendable, Equatable {
            public var name: String
            /// The mean over the task's examples in this step.
            public var loss: Double
            /// What a strategy other than `static` multiplied the task's loss by, or its gradient, beside the task's own
            /// weight.
            public var weight: Double?

            public init(name: String, loss: Double, weight: Double? = nil) {
                self.name = name
                self.loss = loss
                self.weight = weight
            }
        }

        /// Where the time of a step went on rank 0.
        public struct Seconds: Sendable, Equatable {
            public var data: Double
            public var forward: Double
            public var backward: Double
            public var communication: Double
            public var optimizer: Double

            public init(data: Double, forward: Double, backward: Double, communication: Double, optimizer: Double) {
                self.data = data
                self.forward = forward
                self.backward = backward
                self.communication = communication
                self.optimizer = optimizer
            }

            public var total: Double { data + forward + backward + communication + optimizer }
        }

        public var step: Int
        /// For the display; the log has it once, in `start`.
        public var totalSteps: Int
        /// The loss that was differentiated: the weighted sum over the tasks.
        public var loss: Double
        /// Tasks with examples in this step, in the order of the configuration.
        public var tasks: [TaskLoss]
        public var learningRate: Double
        /// Before clipping.
        public var gradientNorm: Double
        public var examples: Int
        /// Real tokens of all ranks, special tokens included; there is no padding to count.
        public var tokens: Int
        public var tokensPerSecond: Double
        public var seconds: Seconds

        public init(
            step: Int, totalSteps: Int, loss: Double, tasks: [TaskLoss], learningRate: Double, gradientNorm: Double,
            examples: Int, tokens: Int, tokensPerSecond: Double, seconds: Seconds
        ) {
            self.step = step
            self.totalSteps = totalSteps
            self.loss = loss
            self.tasks = tasks
            self.learningRate = learningRate
            self.gradientNorm = gradientNorm
            self.examples = examples
            self.tokens = tokens
            self.tokensPerSecond = tokensPerSecond
            self.seconds = seconds
        }
    }

    /// How the tasks' gradients of the shared parameters lie to each other in a step.
    public struct Gradients: Sendable, Equatable {
        public var step: Int
        /// The names of the tasks with examples in the step, in the order of the configuration.
        public var tasks: [String]
        /// The cosine of the angle between each pair of gradients, row by row; not a number for a gradient that is zero.
        public var cosines: [[Double]]
        /// The lengths of the gradients, weighted as the losses are.
        public var norms: [Double]

        public init(step: Int, tasks: [String], cosines: [[Double]], norms: [Double]) {
            self.step = step
            self.tasks = tasks
            self.cosines = cosines
            self.norms = norms
        }
    }

    /// A step whose update was left out because its loss or gradient was not finite.
    public struct Skipped: Sendable, Equatable {
        public struct Example: Sendable, Equatable {
            public var task: String
            /// 0-based row of the task's training file.
            public var index: Int

            public init(task: String, index: Int) {
                self.task = task
                self.index = index
            }
        }

        public var step: Int
        /// What was not finite, as a phrase: "the loss of task books".
        public var reason: String
        public var examples: [Example]
        /// Steps skipped in a row, this one included.
        public var inARow: Int

        public init(step: Int, reason: String, examples: [Example], inARow: Int) {
            self.step = step
            self.reason = reason
            self.examples = examples
            self.inARow = inARow
        }
    }

    /// Scores of every task that has the split.
    public struct Evaluation: Sendable, Equatable {
        /// What the test split is called without the rows that `test_excludes` names.
        public static let testWithoutExcluded = "test_without_excluded"
        /// What the test split is called behind the finishing phase.
        public static let testFinished = "test_finished"

        public var step: Int
        public var split: String
        public var tasks: [NamedScores]
        /// What decides which checkpoint is best, such as `mean.accuracy`, and its value here.
        public var criterion: String
        public var score: Double
        /// Whether this is the best evaluation of the run so far.
        public var isBest: Bool
        /// Wall time of the evaluation.
        public var seconds: Double

        public init(
            step: Int, split: String, tasks: [NamedScores], criterion: String, score: Double, isBest: Bool,
            seconds: Double
        ) {
            self.step = step
            self.split = split
            self.tasks = tasks
            self.criterion = criterion
            self.score = score
            self.isBest = isBest
            self.seconds = seconds
        }
    }

    /// A checkpoint was written, and is on disk whole.
    public struct Checkpoint: Sendable, Equatable {
        public var step: Int
        public var path: String
        public var bytes: Int
        /// Time from the request until the checkpoint was durable.
        public var seconds: Double

        public init(step: Int, path: String, bytes: Int, seconds: Double) {
            self.step = step
            self.path = path
            self.bytes = bytes
            self.seconds = seconds
        }
    }

    /// The run is over, or this part of it.
    public struct End: Sendable, Equatable {
        public enum Status: String, Sendable {
            /// All steps were done.
            case finished
            /// A signal asked for an early end; the run can be resumed.
            case stopped
        }

        public struct Best: Sendable, Equatable {
            public var step: Int
            public var criterion: String
            public var score: Double

            public init(step: Int, criterion: String, score: Double) {
                self.step = step
                self.criterion = criterion
                self.score = score
            }
        }

        public var step: Int
        /// SHA-256 of the last checkpoint's `model.safetensors`, in hexadecimal.
        public var modelSHA256: String
        public var status: Status
        /// Wall time since `start` or `resume`.
        public var seconds: Double
        /// Nil where nothing was evaluated.
        public var best: Best?
        /// Steps whose update was left out, in the whole run.
        public var skippedSteps: Int
        /// The checkpoint of the last step.
        public var checkpoint: String

        public init(
            step: Int, modelSHA256: String, status: Status, seconds: Double, best: Best?, skippedSteps: Int,
            checkpoint: String
        ) {
            self.step = step
            self.modelSHA256 = modelSHA256
            self.status = status
            self.seconds = seconds
            self.best = best
            self.skippedSteps = skippedSteps
            self.checkpoint = checkpoint
        }
    }
}
