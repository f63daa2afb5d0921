/// What an evaluation says about one task. Which scores there are depends on what the task asks for.
public struct TaskScores: Sendable, Equatable {
    /// Examples evaluated.
    public var count: Int
    private var values: [ScoreName: Double]

    public init(count: Int, _ values: [ScoreName: Double]) {
        self.count = count
        self.values = values
    }

    /// The scores of a task with one label an example.
    ///
    /// - Parameter loss: the mean cross-entropy over the examples, in nats.
    public init(
        count: Int, loss: Double, accuracy: Double, macroF1: Double, macroRecall: Double, matthews: Double
    ) {
        self.init(
            count: count,
            [
                .loss: loss, .accuracy: accuracy, .macroF1: macroF1, .macroRecall: macroRecall, .matthews: matthews,
            ])
    }

    /// One of the scores; not a number where the task has no such score.
    public subscript(score: ScoreName) -> Double { values[score] ?? .nan }

    /// Whether the task has the score.
    public func has(_ score: ScoreName) -> Bool { values[score] != nil }

    /// The scores there are.
    public var names: [ScoreName] { ScoreName.allCases.filter(has) }

    /// The mean over the examples.
    public var loss: Double { self[.loss] }
    public var accuracy: Double { self[.accuracy] }

    /// For each score the mean over the tasks that have it, every task counting the same; `count` is the sum. Nil without tasks.
    public static func mean(of tasks: [TaskScores]) -> TaskScores? {
        guard !tasks.isEmpty else { return nil }
        var means: [ScoreName: Double] = [:]
        for score in ScoreName.allCases {
            let own = tasks.filter { $0.has(score) }
            if !own.isEmpty { means[score] = own.reduce(0) { $0 + $1[score] } / Double(own.count) }
        }
        return TaskScores(count: tasks.reduce(0) { $0 + $1.count }, means)
    }
}

/// In JSON the count and the scores are members of one object, as in `metrics.jsonl`.
extension TaskScores: Codable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: Key.self)
        count = try keys.decode(Int.self, forKey: Key("count"))
        values = [:]
        for score in ScoreName.allCases {
            // A decoder that takes snake case for Swift's names has renamed the members before it looks for them.
            values[score] =
                try keys.decodeIfPresent(Double.self, forKey: Key(score.rawValue))
                ?? keys.decodeIfPresent(Double.self, forKey: Key("\(score)"))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: Key.self)
        try keys.encode(count, forKey: Key("count"))
        for score in names { try keys.encode(self[score], forKey: Key(score.rawValue)) }
    }
}

/// A task and its scores.
public struct NamedScores: Sendable, Equatable, Codable {
    public var name: String
    public var scores: TaskScores
    /// The counts that the scores follow from; nil where nobody kept them, and for tasks without one label an example.
    public var confusion: ConfusionCounts?
    /// Which examples were predicted right; nil where it was not kept.
    public var outcomes: ExampleOutcomes?

    public init(
        name: String, scores: TaskScores, confusion: ConfusionCounts? = nil, outcomes: ExampleOutcomes? = nil
    ) {
        self.name = name
        self.scores = scores
        self.confusion = confusion
        self.outcomes = outcomes
    }
}

/// The scores by the names that configurations and logs use.
public enum ScoreName: String, Sendable, CaseIterable, Codable {
    /// Cross-entropy in nats, or the squared error of a number.
    case loss
    /// The part of the examples that is all right.
    case accuracy
    /// F1 over all decisions of a multi-label task together.
    case microF1 = "micro_f1"
    /// The unweighted mean of the classes' F1.
    case macroF1 = "macro_f1"
    /// The unweighted mean of the recall of the classes that occur, as a label or as an answer.
    case macroRecall = "macro_recall"
    /// The Matthews correlation coefficient, from -1 to 1.
    case matthews
    /// The correlation of predicted numbers with the right ones, and of their ranks.
    case pearson, spearman

    /// Whether a greater value is the better one.
    public var isHigherBetter: Bool { self != .loss }

    /// The name in a table.
    public var title: String {
        switch self {
        case .loss, .accuracy: rawValue
        case .microF1: "micro F1"
        case .macroF1: "macro F1"
        case .macroRecall: "macro recall"
        case .matthews: "Matthews"
        case .pearson: "Pearson"
        case .spearman: "Spearman"
        }
    }
}
