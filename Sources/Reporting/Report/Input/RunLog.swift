import Metrics

/// What `metrics.jsonl` says about a run, gathered for a report.
///
/// A log may be that of a run that goes on, that was killed in the middle of a line, or that a later version wrote: what
/// cannot be understood is passed over, and what is missing is nil or not a number.
package struct RunLog: Sendable {
    /// A start of the program: how the run was set up then, and the step it went on from.
    package struct Session: Sendable {
        package var start: RunEvent.Start
        package var resumedAfter: Int?
    }

    /// Something that is known of a task at some steps.
    package struct TaskCurve: Sendable {
        package var name: String
        package var points: [CurvePoint] = []
    }

    /// How far the tasks' gradients pointed in the same direction at one step.
    package struct Gradients: Sendable {
        package var step: Int
        package var tasks: [String]
        /// [tasks][tasks], from -1 to 1.
        package var cosines: [[Double]]
        /// [tasks]
        package var norms: [Double]
    }

    package var sessions: [Session] = []
    package var loss: [CurvePoint] = []
    package var learningRate: [CurvePoint] = []
    package var gradientNorm: [CurvePoint] = []
    package var tokensPerSecond: [CurvePoint] = []
    package var taskLosses: [TaskCurve] = []
    package var taskWeights: [TaskCurve] = []
    /// Of all steps, on rank 0: the names of the parts and their sums, in the order of the log.
    package var seconds: [(name: String, sum: Double)] = []
    package var examples = 0
    package var tokens = 0
    package var skipped: [RunEvent.Skipped] = []
    package var evaluations: [RunEvent.Evaluation] = []
    package var checkpoints: [RunEvent.Checkpoint] = []
    package var gradients: [Gradients] = []
    package var ends: [RunEvent.End] = []
    /// Lines that are not a JSON object, such as the half one at the end of a killed run.
    package var damagedLineCount = 0

    /// How the run was set up when the program was last started.
    package var start: RunEvent.Start? { sessions.last?.start }
    /// How it ended; nil where it goes on, or broke off.
    package var end: RunEvent.End? { ends.last.flatMap { $0.step >= (lastStep ?? 0) ? $0 : nil } }
    package var lastStep: Int? {
        [loss.last.map { Int($0.x) }, skipped.last?.step].compactMap { $0 }.max()
    }

    /// The tasks, in the order of the configuration.
    package var taskNames: [String] {
        if let start, !start.tasks.isEmpty { return start.tasks.map(\.name) }
        let evaluated = evaluations.last?.tasks.map(\.name) ?? []
        return evaluated.isEmpty ? taskLosses.map(\.name) : evaluated
    }

    /// The labels of a task; numbers where the log does not name them.
    package func labels(of task: String, count: Int) -> [String] {
        let labels = start?.tasks.first { $0.name == task }?.labels ?? []
        return labels.count == count ? labels : (0..<count).map { "label \($0)" }
    }

    package func lastEvaluation(of split: String) -> RunEvent.Evaluation? {
        evaluations.last { $0.split == split }
    }

    /// The evaluation that chose the best checkpoint.
    package var bestEvaluation: RunEvent.Evaluation? { evaluations.last { $0.isBest } }
}
