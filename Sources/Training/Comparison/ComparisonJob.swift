import Foundation
import MPI
import Metrics
import TaskData

/// Trains all runs of a comparison, spread over groups of ranks, and sums them up.
public final class ComparisonJob {
    /// How the job ended.
    public enum Outcome: Sendable {
        /// All runs are done; the comparison is rank 0's.
        case finished(Comparison?)
        /// So many runs are done out of so many: the same command goes on.
        case stopped(done: Int, of: Int)
    }

    private let settings: ComparisonSettings
    private let options: RunOptions
    private let plan: ComparisonPlan
    private let folder: ComparisonFolder
    private let watch: RankWatch
    private let observer: any ComparisonObserver
    private let began = Date()

    /// Collective: finds out what there is to train. What is wrong with any run's configuration is thrown on every rank.
    public init(
        _ settings: ComparisonSettings, options: RunOptions, watch: RankWatch, observer: any ComparisonObserver
    ) throws {
        self.settings = settings
        self.watch = watch
        self.observer = observer
        try watch.enter(.loading, step: 0)
        plan = try watch.communicator.agreeing { try ComparisonPlan(settings) }
        folder = ComparisonFolder(path: plan.base.output)
        var options = options
        options.savesBest = settings.scoredAt == .best
        options.savesLast = settings.keepsModels || settings.scoredAt == .best
        options.placement = try RankPlacement(watch.communicator)
        self.options = options
    }

    /// Collective: trains what is not done yet.
    ///
    /// - Parameter logging: makes a run's log, which `RunCourse` reads; on the first rank of its group.
    public func run(logging: (TrainingRun) throws -> any RunObserver) throws -> Outcome {
        let communicator = watch.communicator
        let session = try Session(plan, folder, settings, communicator, observer)
        let groupSize = plan.groupSize(ranks: communicator.size, runs: session.remaining.count)
        let group = try watch.group(of: groupSize)
        let groupCount = communicator.size / groupSize
        if communicator.rank == 0 { observer.record(.plan(event(session, groupCount, groupSize))) }

        var isStopped = false
        if communicator.rank / groupSize < groupCount {
            do {
                while let index = try take(group, session) {
                    if try !train(index, group, session, logging) { throw StopError("stopped") }
                }
            } catch is StopError {
                isStopped = true
                session.claims.note("stop")
            }
        }
        try communicator.barrier { watch.noteProgress() }
        let stops = try communicator.allGather(isStopped)
        let outcome = try communicator.agreeing { () -> Outcome in
            guard communicator.rank == 0 else { return .finished(nil) }
            let done = session.doneCount
            defer { session.claims.end() }
            if stops.contains(true), done < plan.runs.count { return .stopped(done: done, of: plan.runs.count) }
            return .finished(try sumUp())
        }
        let counts = try communicator.allGather(outcome.counts)
        return counts[1] > 0 ? .stopped(done: counts[0], of: counts[1]) : outcome
    }

    /// Collective in the group: the next run that nobody has taken; nil where none is left.
    private func take(_ group: RankWatch, _ session: Session) throws -> Int? {
        do {
            return try session.take(group)
        } catch let failure as AgreedFailure {
            throw GroupFailure(failure, in: "dealing out the runs")
        }
    }

    private func event(_ session: Session, _ groups: Int, _ ranks: Int) -> ComparisonEvent.Plan {
        .init(
            model: plan.base.modelTitle, tasks: plan.datasets.map(\.name), variants: plan.variants.map(\.name),
            fractions: plan.fractions.map(\.name), seeds: plan.seeds, runCount: plan.runs.count,
            doneCount: plan.runs.count - session.remaining.count, groups: min(groups, session.remaining.count),
            ranksPerGroup: ranks, machine: options.placement?.description ?? "", output: folder.path)
    }

    /// Collective in the group: trains one run and records its scores. - Returns: false where it was stopped.
    private func train(
        _ index: Int, _ group: RankWatch, _ session: Session, _ logging: (TrainingRun) throws -> any RunObserver
    ) throws -> Bool {
        let planned = plan.runs[index]
        let began = Date()
        let isLeader = group.communicator.rank == 0
        let keeper = ScoreKeeper { [observer, claims = session.claims] text in
            if claims.isFirstToWarn(text) { observer.record(.warning("\(planned.title): \(text)")) }
        }
        do {
            defer { watch.beforeEnding(nil) }
            var options = options
            // The finishing phase starts from the checkpoint of the last step.
            if planned.configuration.finishing.epochs > 0 { options.savesLast = true }
            let run = try TrainingRun(planned.configuration, options: options, watch: group, display: keeper)
            let log = try group.communicator.agreeing { isLeader ? try logging(run) : keeper }
            let end = try run.train(isLeader ? FanOutObserver([log, keeper]) : keeper)
            guard end.status == .finished, let results = try results(of: run, keeper, group, logging)
            else { return false }
            try group.communicator.agreeing {
                guard isLeader else { return }
                let record = try record(of: planned, run, results)
                try folder.write(record, of: planned)
                if !settings.keepsModels { run.removeModels() }
                session.finish(index)
                let accuracies = results.scores.all.map(\.scores)
                observer.record(
                    .finished(
                        session.event(
                            planned.title, accuracy: TaskScores.mean(of: accuracies)?.accuracy ?? 0,
                            seconds: Date().timeIntervalSince(began), elapsed: Date().timeIntervalSince(self.began))))
            }
            return true
        } catch {
            if ExitCode(error) == .stopped { return false }
            throw GroupFailure(error, in: planned.title)
        }
    }

    /// What a run is scored by: its tasks' scores after a step.
    private typealias Results = (step: Int, scores: SplitScores)

    /// Collective in the group: the scores to be compared; nil where a stop cut it short.
    private func results(
        of run: TrainingRun, _ keeper: ScoreKeeper, _ group: RankWatch,
        _ logging: (TrainingRun) throws -> any RunObserver
    ) throws -> Results? {
        if run.configuration.finishing.epochs > 0 {
            let reporter = RootReporter(isRoot: group.communicator.rank == 0, observer: keeper)
            return try FinishingPhase(after: run)?.run(reporter, logging: logging).map { (run.state.step, $0) }
        }
        guard settings.scoredAt == .last else {
            let step = try run.restoreBest()
            return try run.heldOutScores().map { (step, $0) }
        }
        let known = keeper.heldOutScores(of: run)
        // Only the first rank keeps scores; a run that was stopped at its end has them from an earlier session.
        let isKnown = try group.communicator.allGather(known != nil)[0]
        if isKnown { return (run.state.step, known ?? SplitScores(all: [])) }
        return try run.heldOutScores().map { (run.state.step, $0) }
    }

    private func record(of planned: PlannedRun, _ run: TrainingRun, _ results: Results) throws -> ComparisonRecord {
        let configuration = planned.configuration
        let split = configuration.evaluation.split.rawValue
        let log = try RunCourse(path: configuration.output + "/metrics.jsonl", split: split)
        let passes = run.passes.map { $0 + configuration.finishing.epochs }
        let finishing = try run.finishingFolders.map { try RunCourse(path: $0 + "/metrics.jsonl", split: split).cost }
        var tasks: [Comparison.TaskResult] = []
        var outcomes: [ComparisonRecord.Outcomes] = []
        for (place, task) in results.scores.all.enumerated() {
            guard let examples = task.outcomes else {
                throw RunError("the evaluation of \(task.name) does not tell right from wrong")
            }
            let rest = results.scores.withoutExcluded?[place]
            tasks.append(
                .init(
                    name: task.name, trainCount: run.datasets[place].trainingRows.count, passes: passes[place],
                    scores: task.scores, confusion: task.confusion, scoresWithoutExcluded: rest?.scores,
                    confusionWithoutExcluded: rest?.confusion, curve: log.curve(of: task.name)))
            outcomes.append(.init(task: task.name, examples: examples, withoutExcluded: rest?.outcomes))
        }
        return ComparisonRecord(
            identity: planned.identity(settings), files: planned.fileDigests,
            run: .init(
                variant: planned.variant.name, fraction: planned.fraction.name, seed: planned.seed, task: planned.task,
                folder: planned.folder, scoredStep: results.step, tasks: tasks, lossCurve: log.lossCurve,
                cost: finishing.reduce(log.cost, +),
                gradientCosines: log.gradientCosines(of: configuration.tasks.map(\.name))),
            outcomes: outcomes)
    }

    /// On rank 0: puts all results together, and writes `comparison.json`.
    private func sumUp() throws -> Comparison {
        // What another machine has just written may take a moment to be seen here.
        for _ in 0..<600 where !plan.runs.allSatisfy(folder.hasRecord) {
            watch.noteProgress()
            usleep(100_000)
        }
        let records = try plan.runs.map { try folder.record(of: $0) }
        let comparison = plan.comparison(records, settings, noteProgress: watch.noteProgress)
        try folder.write(comparison)
        return comparison
    }
}

extension ComparisonJob.Outcome {
    /// Runs done and in all, where it was stopped.
    fileprivate var counts: [Int] {
        if case .stopped(let done, let all) = self { [done, all] } else { [0, 0] }
    }
}
