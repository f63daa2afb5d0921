/// What an evaluation says about one task.
public struct TaskScores: Sendable, Equatable {
    /// Examples evaluated.
    public var count: Int
    /// Mean cross-entropy over the examples, in nats.
    public var loss: Double
    public var accuracy: Double
    /// The unweighted mean of the classes' F1.
    public var macroF1: Double
    /// The unweighted mean of the classes' recall, also called balanced accuracy.
    public var macroRecall: Double
    /// The Matthews correlation coefficient, from -1 to 1.
    public var matthews: Double

    public init(
        count: Int, loss: Double, accuracy: Double, macroF1: Double, macroRecall: Double, matthews: Double
    ) {
        self.count = count
        self.loss = loss
        self.accuracy = accuracy
        self.macroF1 = macroF1
        self.macroRecall = macroRecall
        self.matthews = matthews
    }

    /// One of the scores.
    public subscript(score: ScoreName) -> Double {
        switch score {
        case .loss: loss
        case .accuracy: accuracy
        case .macroF1: macroF1
        case .macroRecall: macroRecall
        case .matthews: matthews
        }
    }

    /// The mean over tasks, every task counting the same; `count` is the sum. Nil without tasks.
    public static func mean(of tasks: [TaskScores]) -> TaskScores? {
        guard !tasks.isEmpty else { return nil }
        func mean(_ score: ScoreName) -> Double {
            tasks.reduce(0) { $0 + $1[score] } / Double(tasks.count)
        }
        return TaskScores(
            count: tasks.reduce(0) { $0 + $1.count }, loss: mean(.loss), accuracy: mean(.accuracy),
            macroF1: mean(.macroF1), macroRecall: mean(.macroRecall), matthews: mean(.matthews))
    }
}

/// A task and its scores.
public struct NamedScores: Sendable, Equatable {
    public var name: String
    public var scores: TaskScores
    /// What the scores follow from; nil where it was not kept.
    public var confusion: ConfusionCounts?

    public init(name: String, scores: TaskScores, confusion: ConfusionCounts? = nil) {
        self.name = name
        self.scores = scores
        self.confusion = confusion
    }
}

/// The scores by the names that configurations and logs use.
public enum ScoreName: String, Sendable, CaseIterable {
    case loss
    case accuracy
    case macroF1 = "macro_f1"
    case macroRecall = "macro_recall"
    case matthews

    /// Whether a greater value is the better one.
    public var isHigherBetter: Bool { self != .loss }
}
