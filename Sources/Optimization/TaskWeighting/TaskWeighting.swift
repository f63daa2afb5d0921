import Foundation

/// How much each task has to say in an update: a rule that a configuration names as `weighting.strategy`.
///
/// A rule is either a `LossWeighting` or a `GradientCombination`. To add one, write a file with a type of either kind, and put
/// the type into `taskWeightings`. Every rank computes the same from the same numbers, so that a rule may keep what it likes
/// as long as its `state` tells it all.
public protocol TaskWeighting: Sendable {
    /// What a configuration calls it.
    static var name: String { get }

    init(_ settings: TaskWeightingSettings)

    /// What a resumed run has to know, as numbers that a checkpoint keeps: finite, and always equally many.
    var state: [Double] { get set }
    /// Whether the rule can have left these numbers, of the right count and finite, as its state.
    func accepts(_ state: [Double]) -> Bool
}

extension TaskWeighting {
    public var state: [Double] {
        get { [] }
        set {}
    }

    public func accepts(_ state: [Double]) -> Bool { true }

    /// Goes on from what a checkpoint kept.
    ///
    /// - Throws: `TaskWeightingError` for numbers that cannot be the state of this rule.
    public mutating func restore(_ saved: [Double]) throws(TaskWeightingError) {
        guard saved.count == state.count else {
            throw TaskWeightingError("has \(saved.count) numbers, but \(Self.name) of these tasks keeps \(state.count)")
        }
        guard saved.allSatisfy(\.isFinite), accepts(saved) else {
            throw TaskWeightingError("holds numbers that \(Self.name) cannot have written")
        }
        state = saved
    }
}

/// A rule that multiplies the tasks' losses. Losses are means over a task's examples in the step, unweighted; nil for a task that
/// has none in it.
public protocol LossWeighting: TaskWeighting {
    /// Whether the rule looks at the losses of the step's examples before the step and behind it; each look takes a forward pass.
    static var looks: Bool { get }

    /// What each task's loss is multiplied by in the next step.
    ///
    /// - Parameters:
    ///   - isPresent: whether the step has examples of the task; the factors of others do not count.
    ///   - ahead: the losses before the step, where the rule looks; else empty.
    func factors(isPresent: [Bool], ahead: [Double?]) -> [Double]

    /// Called behind every update.
    ///
    /// - Parameters:
    ///   - losses: the losses that were differentiated.
    ///   - behind: those with the updated parameters, where the rule looks; else empty.
    mutating func update(losses: [Double?], behind: [Double?])
}

extension LossWeighting {
    public static var looks: Bool { false }
    public mutating func update(losses: [Double?], behind: [Double?]) {}
}

/// A rule that makes one gradient of the tasks' own gradients of the parameters that they share.
public protocol GradientCombination: TaskWeighting {
    /// What each task's gradient is multiplied by before they are added; by the places of `tasks.numbers`.
    ///
    /// Not called for a step that is skipped. What it changes lasts only if the update is made.
    mutating func factors(_ tasks: TaskGradientProducts) -> [Double]
}

/// What a gradient combination knows of a step. Its arrays hold one element for each task with examples in the step.
public struct TaskGradientProducts: Sendable {
    /// Counted from 1.
    public let step: Int
    /// Places in the run's list of tasks, ascending.
    public let numbers: [Int]
    /// Mean losses, unweighted.
    public let losses: [Double]
    /// The dot products of the tasks' gradients, which are those of weight × loss.
    public let gram: GramMatrix
    /// The weight of each task that stands in its gradient: its own, and what the reduction makes of it; above 0.
    public let weights: [Double]

    public init(step: Int, numbers: [Int], losses: [Double], gram: GramMatrix, weights: [Double]) {
        self.step = step
        self.numbers = numbers
        self.losses = losses
        self.gram = gram
        self.weights = weights
    }
}

/// What rules are made from; each uses what it has use for.
public struct TaskWeightingSettings: Sendable {
    /// What a guess that knows nothing costs in each task: ln C for one of C labels.
    public var guessLosses: [Double]
    public var seed: UInt64
    /// Steps over which `dwa` averages.
    public var interval: Int
    /// Of `dwa`.
    public var temperature: Double
    /// Of `gradnorm` and `cagrad`; nil: as the rule's paper has it.
    public var alpha: Double?
    /// The learning rate of weights that are learned.
    public var rate: Double
    /// Of `famo`.
    public var decay: Double

    public init(
        guessLosses: [Double], seed: UInt64 = 0, interval: Int = 100, temperature: Double = 2, alpha: Double? = nil,
        rate: Double = 0.025, decay: Double = 0.001
    ) {
        self.guessLosses = guessLosses
        self.seed = seed
        self.interval = interval
        self.temperature = temperature
        self.alpha = alpha
        self.rate = rate
        self.decay = decay
    }

    public var taskCount: Int { guessLosses.count }
}

/// All rules, in the order in which they are explained.
public let taskWeightings: [any TaskWeighting.Type] = [
    StaticWeighting.self, LogClassesWeighting.self, UncertaintyWeighting.self, DynamicWeightAverage.self,
    FastAdaptiveWeighting.self, GradientNormalization.self, GradientSurgery.self, ConflictAverseGradient.self,
    NashBargaining.self,
]

/// Why a rule cannot go on from a state, as the rest of a sentence that begins with where it stands.
public struct TaskWeightingError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
