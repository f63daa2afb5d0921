import Metrics
import TaskData

/// How far a task has come by the evaluations that decide.
package struct TaskProgress: Sendable, Equatable, Codable {
    /// The best score up to now; nil before the first evaluation.
    package private(set) var best: Double?
    /// Evaluations since then.
    package private(set) var evaluationsSince = 0

    package init() {}

    /// - Returns: whether the score is better than all before.
    package mutating func note(_ score: Double, isHigherBetter: Bool) -> Bool {
        let isBetter = best.map { isHigherBetter ? score > $0 : score < $0 } ?? score.isFinite
        evaluationsSince = isBetter ? 0 : evaluationsSince + 1
        if isBetter { best = score }
        return isBetter
    }
}

extension TrainingRun {
    /// The tasks that are trained no more, since they have not got better for too long (`evaluation.patience`).
    var restingTasks: Set<Int> {
        let patience = configuration.evaluation.patience
        guard patience > 0, let progress = state.taskProgress else { return [] }
        return Set(progress.indices.filter { progress[$0].evaluationsSince >= patience })
    }

    /// Whether there is nothing left to train.
    var isComplete: Bool { state.step >= totalSteps || restingTasks.count == datasets.count }

    /// Takes in what an evaluation says of each task.
    ///
    /// - Returns: the tasks that are better than ever.
    func noteProgress(_ scores: [NamedScores], _ reporter: RootReporter) -> [Int] {
        let resting = restingTasks
        var progress = state.taskProgress ?? datasets.map { _ in TaskProgress() }
        var better: [Int] = []
        for (task, entry) in configuration.tasks.enumerated() {
            guard let own = scores.first(where: { $0.name == entry.name })?.scores else { continue }
            // What the run is judged by, where the task has it.
            let wanted = configuration.evaluation.best.score
            let score = own.has(wanted) ? wanted : .loss
            if progress[task].note(own[score], isHigherBetter: score.isHigherBetter) { better.append(task) }
        }
        state.taskProgress = progress
        let names = restingTasks.subtracting(resting).sorted().map { configuration.tasks[$0].name }
        if !names.isEmpty {
            reporter.warning(
                "no gain in \(configuration.evaluation.patience) evaluations: \(names.joined(separator: ", ")) will rest "
                    + "from here on")
        }
        return better
    }
}
