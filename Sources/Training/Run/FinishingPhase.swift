import Checkpoints
import Foundation
import MPI
import Metrics

/// What follows joint training where the configuration asks for it: each task is trained by itself from the joint model, and
/// keeps the result if that is better on its dev file. So a task that was held back by the others gets its own back (Liu et
/// al., "Multi-task deep neural networks", ACL 2019, section 3; Phang et al. 2018 on intermediate training).
///
/// The runs are dealt to single ranks, largest first: their results do not depend on who computes them.
struct FinishingPhase {
    private let configuration: RunConfiguration
    private let options: RunOptions
    private let watch: RankWatch
    private let checkpoint: Checkpoint
    private let joint: FinalScores
    /// Of each task: its training examples.
    private let sizes: [Int]
    private let state: TrainerState

    /// A task at its end.
    private struct Finished: Codable {
        let task: Int
        /// Whether the task keeps what it was trained to by itself.
        let isKept: Bool
        let all: NamedScores?
        let withoutExcluded: NamedScores?
    }

    /// Collective: scores the joint model.
    ///
    /// - Parameter run: at its last step, with its checkpoint written.
    /// - Returns: nil where a stop cut it short.
    init?(after run: TrainingRun) throws {
        (configuration, options, watch, state) = (run.configuration, run.options, run.watch, run.state)
        checkpoint = run.store.checkpoint(step: run.state.step)
        sizes = run.datasets.map(\.trainingRows.count)
        guard let scores = try run.scoresAtTheEnd() else { return nil }
        joint = scores
    }

    /// Collective: trains each task by itself.
    ///
    /// - Parameter logging: makes a run's log.
    /// - Returns: what each task reaches in the end, in the order of the tasks; nil where a stop cut it short.
    func run(_ reporter: RootReporter, logging: (TrainingRun) throws -> any RunObserver) throws -> SplitScores? {
        reporter.phase("training each task by itself")
        if joint.dev.isEmpty {
            reporter.warning("no task has a dev file to say whether finishing does it good: all keep the joint model")
        }
        let began = Date()
        let communicator = watch.communicator
        let single = try watch.group(of: 1)
        let order = sizes.indices.sorted { (sizes[$0], $1) > (sizes[$1], $0) }
        var own: [Finished] = []
        var isStopped = false
        for place in stride(from: communicator.rank, to: order.count, by: communicator.size) where !isStopped {
            do {
                if let finished = try finish(order[place], single, logging) {
                    own.append(finished)
                } else {
                    isStopped = true
                }
            } catch {
                guard ExitCode(error) == .stopped else {
                    throw GroupFailure(error, in: "training \(configuration.tasks[order[place]].name) by itself")
                }
                isStopped = true
            }
        }
        try communicator.barrier { watch.noteProgress() }
        let parts = try communicator.allGatherVariable(Array(try JSONEncoder().encode(own)))
        if try communicator.allGather(isStopped).contains(true) { return nil }
        let finished = try parts.flatMap { try JSONDecoder().decode([Finished].self, from: Data($0)) }
        let scores = scores(finished)
        report(scores, finished, reporter, seconds: Date().timeIntervalSince(began))
        return scores
    }

    /// On this rank alone. - Returns: nil where a stop cut it short.
    private func finish(_ task: Int, _ watch: RankWatch, _ logging: (TrainingRun) throws -> any RunObserver) throws
        -> Finished?
    {
        let entry = configuration.tasks[task]
        var options = options
        options.resume = .auto
        (options.savesLast, options.savesBest) = (true, false)
        let configuration = configuration.finishing(entry, from: checkpoint.path)
        try RunFolder(path: configuration.output).removeOtherRun(than: configuration)
        let run = try TrainingRun(configuration, options: options, watch: watch, display: FanOutObserver([]))
        guard try run.train(try logging(run)).status == .finished else { return nil }
        guard let scores = try run.scoresAtTheEnd() else { return nil }
        let criterion = run.configuration.evaluation.best.score
        let before = joint.dev.first { $0.name == entry.name }
        let isKept =
            if let before, let after = scores.dev.first {
                criterion.isHigherBetter
                    ? after.scores[criterion] > before.scores[criterion]
                    : after.scores[criterion] < before.scores[criterion]
            } else {
                false
            }
        try link(run, to: isKept ? run.store.checkpoint(step: run.state.step) : checkpoint)
        return Finished(
            task: task, isKept: isKept, all: scores.heldOut.all.first,
            withoutExcluded: scores.heldOut.withoutExcluded?.first)
    }

    /// `finished/TASK/model` is the model to be used for the task.
    private func link(_ run: TrainingRun, to checkpoint: Checkpoint) throws {
        let name = run.configuration.output + "/model"
        try? FileManager.default.removeItem(atPath: name)
        let isOwn = checkpoint.path.hasPrefix(run.configuration.output + "/")
        let step = (checkpoint.path as NSString).lastPathComponent
        try FileManager.default.createSymbolicLink(
            atPath: name, withDestinationPath: (isOwn ? "" : "../../") + "checkpoints/" + step)
    }

    private func scores(_ finished: [Finished]) -> SplitScores {
        func merged(_ joint: [NamedScores], _ own: (Finished) -> NamedScores?) -> [NamedScores] {
            joint.map { before in
                let after = finished.first { configuration.tasks[$0.task].name == before.name && $0.isKept }
                return after.flatMap(own) ?? before
            }
        }
        return SplitScores(
            all: merged(joint.heldOut.all, \.all),
            withoutExcluded: joint.heldOut.withoutExcluded.map { merged($0, \.withoutExcluded) })
    }

    private func report(_ scores: SplitScores, _ finished: [Finished], _ reporter: RootReporter, seconds: Double) {
        let criterion = configuration.evaluation.best
        if !scores.all.isEmpty {
            reporter.record(
                .evaluation(
                    .init(
                        step: state.step, split: RunEvent.Evaluation.testFinished, tasks: scores.all,
                        criterion: criterion.description, score: criterion.value(in: scores.all), isBest: false,
                        seconds: seconds)))
        }
        let back = finished.filter { !$0.isKept }.sorted { $0.task < $1.task }
            .map { configuration.tasks[$0.task].name }
        if !back.isEmpty {
            reporter.phase(
                "these keep the joint model, which is no worse on their dev files, or has none to be judged by: "
                    + back.joined(separator: ", "))
        }
    }
}

extension TrainingRun {
    /// Collective: trains to the last step, and then each task by itself where the configuration asks for that.
    ///
    /// - Parameters:
    ///   - observer: is told of everything, on rank 0.
    ///   - logging: makes the log of the run of a task by itself.
    /// - Returns: false where a stop cut it short.
    public func trainAndFinish(
        _ observer: any RunObserver, logging: (TrainingRun) throws -> any RunObserver
    ) throws -> Bool {
        if configuration.finishing.epochs == 0 { return try train(observer).status == .finished }
        let course = CourseObserver(observer)
        var end = try train(course)
        if end.status == .finished {
            let reporter = RootReporter(isRoot: isRoot, observer: course)
            let scores = try FinishingPhase(after: self)?.run(reporter, logging: logging)
            if scores == nil { end.status = .stopped }
        }
        if isRoot { observer.record(.end(end)) }
        return end.status == .finished
    }
}

/// Passes on everything but the end of a run that something else follows.
private struct CourseObserver: RunObserver {
    private let observer: any RunObserver

    init(_ observer: any RunObserver) { self.observer = observer }

    func record(_ event: RunEvent) {
        if case .end = event { return }
        observer.record(event)
    }
}

/// What a model reaches behind its last step.
struct FinalScores {
    /// Of the tasks that have a dev file.
    let dev: [NamedScores]
    /// Of every task, on its test file, or its dev file where it has none.
    let heldOut: SplitScores
}

extension TrainingRun {
    /// Collective: scores what the last evaluations did not; nil where a stop cut it short.
    func scoresAtTheEnd() throws -> FinalScores? {
        let isTested = datasets.allSatisfy { $0.test != nil }
        guard let dev = try devScores ?? scoresOfDev(),
            let heldOut = try (isTested ? testScores : nil) ?? heldOutScores()
        else { return nil }
        return FinalScores(dev: dev, heldOut: heldOut)
    }

    private func scoresOfDev() throws -> [NamedScores]? {
        try watch.enter(.evaluation, step: state.step)
        return try evaluator(.dev).scores(replica.lanes.map(\.pass), communicator, goesOn: watch.goesOn)?.all
    }
}
