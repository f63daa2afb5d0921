/// One training example: a row of a task's training file.
public struct ExampleReference: Sendable, Hashable {
    /// The task's place in the run.
    public let task: Int
    /// The row of the training file, counted from 0.
    public let index: Int

    public init(task: Int, index: Int) {
        self.task = task
        self.index = index
    }
}

/// How the losses of a step's examples become one number.
public enum LossReduction: String, Sendable, CaseIterable {
    /// The mean over each task's examples, times the task's weight, summed.
    case taskMean = "task_mean"
    /// Every example counts the same, but for its task's weight.
    case exampleMean = "example_mean"
}

/// What one step computes on: the same on every rank.
public struct StepPlan: Sendable, Equatable {
    /// Counted from 1.
    public let step: Int
    /// The examples of each canonical shard, grouped by task.
    public let shards: [[ExampleReference]]
    /// How many examples of each task the step has, over all shards.
    public let taskCounts: [Int]
    /// The loss of the step is Σ weights[t] · (sum of the losses of t's examples ÷ taskCounts[t]) over the tasks that
    /// have any; 0 for the others.
    public let weights: [Double]

    /// The plan without the examples of some tasks; what the others weigh stays.
    public func leavingOut(_ tasks: Set<Int>) -> StepPlan {
        StepPlan(
            step: step, shards: shards.map { $0.filter { !tasks.contains($0.task) } },
            taskCounts: taskCounts.indices.map { tasks.contains($0) ? 0 : taskCounts[$0] },
            weights: weights.indices.map { tasks.contains($0) ? 0 : weights[$0] })
    }

    /// The plan as one line of JSON: `{"step":1,"shards":[[["TASK",ROW],…],…],"weights":{"TASK":…}}`.
    public func json(taskNames: [String]) -> String {
        let names = taskNames.map(Self.quoted)
        let shards = shards.map { shard in
            "[" + shard.map { "[\(names[$0.task]),\($0.index)]" }.joined(separator: ",") + "]"
        }
        let weights = zip(names, weights).map { "\($0):\($1)" }
        return "{\"step\":\(step),\"shards\":[\(shards.joined(separator: ","))],"
            + "\"weights\":{\(weights.joined(separator: ","))}}"
    }

    private static func quoted(_ name: String) -> String {
        var quoted = "\""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// Why no plan can be made from a configuration.
public struct StepPlanError: Error, Sendable, Equatable, CustomStringConvertible {
    public let message: String

    package init(message: String) {
        self.message = message
    }

    public var description: String { message }
}
