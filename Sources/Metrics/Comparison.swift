import Foundation

/// What `mtbert-dist compare` found: `comparison.json`, whose keys are these names in snake case.
///
/// Tasks trained alone (`single`) and together (`joint`), and any variants of either, over training sizes and seeds. Scores
/// are fractions, losses means over examples in nats, times seconds. Everything is listed in a fixed order: tasks as in the
/// configuration, variants beginning with `single` and `joint`, fractions and seeds as they were given.
public struct Comparison: Sendable, Equatable, Codable {
    public static let currentVersion = 1

    /// The form of the file: `currentVersion`.
    public var version = Comparison.currentVersion
    /// The version of the program.
    public var program: String
    /// A folder, a hub id or a few words about a random encoder.
    public var model: String
    public var precision: String
    /// Passes over each task's examples that every run is given, where no variant says otherwise.
    public var epochs: Double
    public var scoredAt: ScoredAt
    /// The probability that intervals are made for, such as 0.95.
    public var confidence: Double
    /// Bootstrap resamples behind every interval.
    public var resamples: Int
    public var tasks: [Task]
    public var variants: [Variant]
    public var fractions: [Fraction]
    public var seeds: [UInt64]
    /// One for each training: a joint variant has one for each fraction and seed, a single-task variant one for each of its
    /// tasks besides.
    public var runs: [Run]
    /// One for each fraction and variant, fractions outermost.
    public var summaries: [Summary]
    /// The same without the test rows that `test_excludes` names; nil where no task has such rows.
    public var summariesWithoutExcluded: [Summary]?

    public init(
        program: String, model: String, precision: String, epochs: Double, scoredAt: ScoredAt, confidence: Double,
        resamples: Int, tasks: [Task], variants: [Variant], fractions: [Fraction], seeds: [UInt64], runs: [Run],
        summaries: [Summary], summariesWithoutExcluded: [Summary]? = nil
    ) {
        self.program = program
        self.model = model
        self.precision = precision
        self.epochs = epochs
        self.scoredAt = scoredAt
        self.confidence = confidence
        self.resamples = resamples
        self.tasks = tasks
        self.variants = variants
        self.fractions = fractions
        self.seeds = seeds
        self.runs = runs
        self.summaries = summaries
        self.summariesWithoutExcluded = summariesWithoutExcluded
    }

    /// The weights of a run that are scored.
    public enum ScoredAt: String, Sendable, Codable, CaseIterable {
        /// Those of the last step.
        case last
        /// Those of the evaluation that was best by the configuration's criterion on the dev files.
        case best
    }

    public struct Task: Sendable, Equatable, Codable {
        public var name: String
        public var labels: [String]
        /// Training examples of the fraction `all`.
        public var trainCount: Int
        public var devCount: Int?
        public var testCount: Int?
        /// What the scores are of: `test`, or `dev` where the task has no test file.
        public var split: String

        public init(
            name: String, labels: [String], trainCount: Int, devCount: Int?, testCount: Int?, split: String
        ) {
            self.name = name
            self.labels = labels
            self.trainCount = trainCount
            self.devCount = devCount
            self.testCount = testCount
            self.split = split
        }
    }

    /// A way to train.
    public struct Variant: Sendable, Equatable, Codable {
        public static let singleName = "single"
        public static let jointName = "joint"

        /// `single` and `joint` are the configuration as it is.
        public var name: String
        /// As given to `--set`.
        public var overrides: [String]
        /// Whether each task is trained alone.
        public var isSingle: Bool

        public init(name: String, overrides: [String], isSingle: Bool) {
            self.name = name
            self.overrides = overrides
            self.isSingle = isSingle
        }
    }

    /// A training size.
    public struct Fraction: Sendable, Equatable, Codable {
        /// The limit in digits, `all`, or a share such as `10%`.
        public var name: String
        /// Training examples of each task at most; nil for no such limit.
        public var limit: Int?
        /// Of the training examples that the configuration gives each task; nil for all of them.
        public var percent: Double?

        public init(limit: Int?) {
            name = limit.map(String.init) ?? "all"
            self.limit = limit
        }

        public init(percent: Double) {
            name = (percent == percent.rounded() ? String(Int(percent)) : String(percent)) + "%"
            self.percent = percent
        }

        /// How many of a task's examples are trained on; at least 1.
        public func size(of count: Int) -> Int {
            if let percent { return max(1, Int((Double(count) * percent / 100).rounded())) }
            return min(limit ?? .max, count)
        }

        /// In words, such as `100 examples`, behind which a title may go on.
        public var title: String {
            limit.map { "\($0) examples" } ?? percent.map { _ in "\(name) of the examples" } ?? "all examples"
        }
    }

    /// One training and what came of it.
    public struct Run: Sendable, Equatable, Codable {
        public var variant: String
        public var fraction: String
        public var seed: UInt64
        /// The only task, for a single-task variant; nil where all were trained together.
        public var task: String?
        /// The run's folder, relative to that of the comparison.
        public var folder: String
        /// The step whose weights were scored.
        public var scoredStep: Int
        /// Of the tasks that were trained.
        public var tasks: [TaskResult]
        /// The training loss: at most 100 points, evenly spread, each the mean over the steps since the point before.
        public var lossCurve: [LossPoint]
        public var cost: Cost
        /// [task][task]: cosines between the gradients of the tasks, on average over the steps that were looked at; nil where
        /// none was (`evaluation.gradient_cosines`).
        public var gradientCosines: [[Double]]?

        public init(
            variant: String, fraction: String, seed: UInt64, task: String?, folder: String, scoredStep: Int,
            tasks: [TaskResult], lossCurve: [LossPoint], cost: Cost, gradientCosines: [[Double]]? = nil
        ) {
            self.variant = variant
            self.fraction = fraction
            self.seed = seed
            self.task = task
            self.folder = folder
            self.scoredStep = scoredStep
            self.tasks = tasks
            self.lossCurve = lossCurve
            self.cost = cost
            self.gradientCosines = gradientCosines
        }
    }

    /// What a run says about one task.
    public struct TaskResult: Sendable, Equatable, Codable {
        public var name: String
        public var trainCount: Int
        /// Training examples seen ÷ `trainCount`.
        public var passes: Double
        /// On the task's `split`.
        public var scores: TaskScores
        /// Nil for a task with any number of labels an example.
        public var confusion: ConfusionCounts?
        /// On the same split without the rows that `test_excludes` names; nil where there are none.
        public var scoresWithoutExcluded: TaskScores?
        public var confusionWithoutExcluded: ConfusionCounts?
        /// Every evaluation on the way, of the split that the configuration evaluates on (`dev` unless it says otherwise);
        /// at most 100 points, the last one included.
        public var curve: [CurvePoint]

        public init(
            name: String, trainCount: Int, passes: Double, scores: TaskScores, confusion: ConfusionCounts?,
            scoresWithoutExcluded: TaskScores? = nil, confusionWithoutExcluded: ConfusionCounts? = nil,
            curve: [CurvePoint]
        ) {
            self.name = name
            self.trainCount = trainCount
            self.passes = passes
            self.scores = scores
            self.confusion = confusion
            self.scoresWithoutExcluded = scoresWithoutExcluded
            self.confusionWithoutExcluded = confusionWithoutExcluded
            self.curve = curve
        }
    }

    public struct CurvePoint: Sendable, Equatable, Codable {
        public var step: Int
        public var accuracy: Double
        public var loss: Double

        public init(step: Int, accuracy: Double, loss: Double) {
            self.step = step
            self.accuracy = accuracy
            self.loss = loss
        }
    }

    public struct LossPoint: Sendable, Equatable, Codable {
        public var step: Int
        /// Of the loss that was differentiated: the weighted sum over the tasks.
        public var loss: Double

        public init(step: Int, loss: Double) {
            self.step = step
            self.loss = loss
        }
    }

    /// What training took; evaluations and checkpoints do not count.
    public struct Cost: Sendable, Equatable, Codable {
        public var steps: Int
        public var examples: Int
        public var tokens: Int
        /// Wall time of the steps × ranks × threads.
        public var coreSeconds: Double

        public init(steps: Int = 0, examples: Int = 0, tokens: Int = 0, coreSeconds: Double = 0) {
            self.steps = steps
            self.examples = examples
            self.tokens = tokens
            self.coreSeconds = coreSeconds
        }

        public static func + (left: Cost, right: Cost) -> Cost {
            Cost(
                steps: left.steps + right.steps, examples: left.examples + right.examples,
                tokens: left.tokens + right.tokens, coreSeconds: left.coreSeconds + right.coreSeconds)
        }
    }

    /// What the seeds of one variant at one training size say together. The score that is held against others is the accuracy.
    public struct Summary: Sendable, Equatable, Codable {
        public var variant: String
        public var fraction: String
        /// In the order of the tasks.
        public var tasks: [SummaryRow]
        /// The mean over the tasks, each counting the same; the row is called `mean`.
        public var mean: SummaryRow
        /// The part of the tasks whose interval of the gain lies above 0, and below it; nil for `single` itself.
        public var helpedShare: Double?
        public var harmedShare: Double?
        /// Of all runs together, and its core seconds ÷ those of `single` at the same fraction.
        public var cost: Cost
        public var costRatio: Double?
        /// [task][task]: cosines between the gradients of the tasks, on average; nil where they were not measured.
        public var gradientCosines: [[Double]]?

        public init(
            variant: String, fraction: String, tasks: [SummaryRow], mean: SummaryRow, helpedShare: Double?,
            harmedShare: Double?, cost: Cost, costRatio: Double?, gradientCosines: [[Double]]? = nil
        ) {
            self.variant = variant
            self.fraction = fraction
            self.tasks = tasks
            self.mean = mean
            self.helpedShare = helpedShare
            self.harmedShare = harmedShare
            self.cost = cost
            self.costRatio = costRatio
            self.gradientCosines = gradientCosines
        }
    }

    /// The scores of one task, or the mean over the tasks.
    public struct SummaryRow: Sendable, Equatable, Codable {
        public var name: String
        /// Over the seeds.
        public var accuracy: Double
        /// The sample standard deviation over the seeds (n − 1 below the line); nil with one seed.
        public var standardDeviation: Double?
        /// Over the seeds, with its deviation.
        public var macroF1: Double?
        public var macroF1Deviation: Double?
        /// In accuracy against `single` at the same fraction and seeds: above 0 is better; nil for `single` itself.
        public var gain: Interval?
        /// The same against `joint`; only for further ways to train together.
        public var gainOverJoint: Interval?

        public init(
            name: String, accuracy: Double, standardDeviation: Double?, macroF1: Double? = nil,
            macroF1Deviation: Double? = nil, gain: Interval?, gainOverJoint: Interval? = nil
        ) {
            self.name = name
            self.accuracy = accuracy
            self.standardDeviation = standardDeviation
            self.macroF1 = macroF1
            self.macroF1Deviation = macroF1Deviation
            self.gain = gain
            self.gainOverJoint = gainOverJoint
        }
    }

    /// A value and the interval that a bootstrap gives it.
    public struct Interval: Sendable, Equatable, Codable {
        public var estimate: Double
        public var lower: Double
        public var upper: Double

        public init(estimate: Double, lower: Double, upper: Double) {
            self.estimate = estimate
            self.lower = lower
            self.upper = upper
        }
    }
}

extension Comparison {
    /// Reads a `comparison.json`.
    ///
    /// - Throws: `DecodingError` for what is none, or one of another version.
    public init(json: Data) throws {
        self = try ComparisonCoding.decoder.decode(Comparison.self, from: json)
        try ComparisonCoding.require(version, Self.currentVersion)
    }

    /// The file's contents. A number that is not finite, such as the loss of a model that has gone astray, is a text: `nan`,
    /// `inf` or `-inf`.
    public func json() throws -> Data { try ComparisonCoding.encoder.encode(self) + Data("\n".utf8) }
}

/// How the files of a comparison write Swift's names and numbers.
enum ComparisonCoding {
    static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }

    static func require(_ version: Int, _ current: Int) throws {
        guard version == current else {
            let text = "version is \(version), not \(current)"
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: text))
        }
    }
}
