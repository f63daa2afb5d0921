import Checkpoints
import Foundation
import LinearAlgebra
import MPI
import Metrics
import Optimization
import TaskData

extension TrainingRun {
    /// Collective: trains to the last step, evaluating and saving on the way.
    ///
    /// - Parameter observer: is told of everything, on rank 0.
    /// - Returns: how it ended, on every rank.
    public func train(_ observer: any RunObserver) throws -> RunEvent.End {
        let began = Date()
        let reporter = RootReporter(isRoot: isRoot, observer: observer)
        announce(reporter)
        let writer = CheckpointWriter(self)
        let loader = ShardLoader(
            tasks: datasets, planner: planner, encoder: source.tokenizer, maxLength: configuration.batch.maxLength,
            balance: configuration.batch.balance, shards: ownShards,
            steps: state.step + 1...max(totalSteps, state.step + 1))
        defer { loader.cancel() }

        if state.evaluationIsDue == true { try evaluateAndSave(writer, reporter) }
        while !isComplete, !isStopping {
            try watch.enter(.step, step: state.step + 1)
            var clock = StepClock()
            guard let loaded = try loader.next()?.leavingOut(restingTasks) else { break }
            clock.note(\.data)
            let report = try gradient(loaded, &clock, reporter)
            isStopping = report.isStopRequested
            if report.isAbandoned { break }
            if let problem = report.problem {
                try skip(loaded.plan, problem, writer, reporter)
            } else if report.isEmpty {
                state.step += 1
            } else {
                let learningRate = schedule.learningRate(step: loaded.plan.step)
                update(loaded.plan, report, learningRate: learningRate)
                clock.note(\.optimizer)
                try replica.publishParameters()
                clock.note(\.communication)
                try adaptWeighting(loaded, report, &clock)
                reporter.record(.step(report.event(loaded.plan, learningRate, clock.seconds, of: self)))
            }
            try writer.poll(reporter)
            try evaluateAndSave(writer, reporter)
        }
        if options.savesLast || isStopping { try save(writer, reporter) }
        if isComplete, !isStopping { try reportTestScores(reporter) }
        if isStopping { try save(writer, reporter) }
        let end = try finish(writer, seconds: Date().timeIntervalSince(began), reporter)
        reporter.record(.end(end))
        return end
    }

    private func announce(_ reporter: RootReporter) {
        reporter.record(.start(startEvent))
        guard let resumedFrom else { return }
        reporter.record(
            .resume(
                .init(
                    step: state.step, checkpoint: resumedFrom.path, worldSize: communicator.size,
                    threads: replica.lanes.count)))
    }

    /// What is due after a step. A stop puts the evaluation off to the resumed run, which makes the same one.
    private func evaluateAndSave(_ writer: CheckpointWriter, _ reporter: RootReporter) throws {
        var names: [String] = []
        if state.evaluationIsDue == true || isDue(configuration.evaluation.every) || state.step == totalSteps {
            let found = isStopping ? nil : try evaluate(reporter)
            state.evaluationIsDue = found == nil ? true : nil
            if options.savesBest { names = found ?? [] }
        }
        if !names.isEmpty || isDue(configuration.checkpoint.every) { try writer.begin(links: names, reporter) }
    }

    /// Saves what is not saved yet.
    private func save(_ writer: CheckpointWriter, _ reporter: RootReporter) throws {
        if writer.savedState != state { try writer.begin(links: [], reporter) }
    }

    private func isDue(_ every: Int) -> Bool { every > 0 && state.step % every == 0 }

    /// Clips and applies the owned part of the gradient. A classification head without examples in the step is left alone,
    /// as PyTorch leaves parameters without a gradient.
    private func update(_ plan: StepPlan, _ report: StepReport, learningRate: Double) {
        state.step += 1
        state.updates += 1
        state.skippedInARow = 0
        let isPresent = plan.taskCounts.map { $0 > 0 }
        for task in isPresent.indices where isPresent[task] { state.taskUpdates[task] += 1 }
        let heads = isPresent.indices.map { isPresent[$0] ? state.taskUpdates[$0] : nil }
        replica.update(
            gradientScale: GradientNorm.clippingScale(
                norm: report.gradientNorm, maximum: configuration.optimizer.maxGradientNorm),
            learningRate: learningRate, updates: [state.updates] + heads)
    }

    /// Leaves a step's update out on every rank alike.
    private func skip(
        _ plan: StepPlan, _ problem: String, _ writer: CheckpointWriter, _ reporter: RootReporter
    ) throws {
        state.step += 1
        state.skippedSteps += 1
        state.skippedInARow += 1
        let examples = plan.shards.joined().map {
            RunEvent.Skipped.Example(task: datasets[$0.task].name, index: $0.index)
        }
        reporter.record(
            .skipped(.init(step: plan.step, reason: problem, examples: examples, inARow: state.skippedInARow)))
        if state.skippedInARow >= configuration.maxSkippedSteps {
            // The last checkpoint stands only when it is written to its end.
            try communicator.agreeing { try writer.finish(reporter) }
            throw AgreedFailure(
                rank: 0, code: .failure,
                message: "\(problem) was not finite in \(state.skippedInARow) steps in a row, up to step \(plan.step): "
                    + "the run stops; its last checkpoint stands")
        }
    }

    /// Collective: scores the split that decides.
    ///
    /// - Returns: the names by which the run's best checkpoints are kept and which this state deserves; nil where a stop cut it
    ///   short.
    private func evaluate(_ reporter: RootReporter) throws -> [String]? {
        let began = Date()
        guard let all = try scores(configuration.evaluation.split, reporter) else { return nil }
        let scores = all.all
        if configuration.evaluation.split == .dev { devScores = scores }
        guard !scores.isEmpty else { return [] }
        let criterion = configuration.evaluation.best
        let score = criterion.value(in: scores)
        let isBetter =
            state.best.map { criterion.score.isHigherBetter ? score > $0.score : score < $0.score } ?? score.isFinite
        if isBetter { state.best = .init(step: state.step, criterion: criterion.description, score: score) }
        reporter.record(
            .evaluation(
                .init(
                    step: state.step, split: configuration.evaluation.split.rawValue, tasks: scores,
                    criterion: criterion.description, score: score, isBest: isBetter,
                    seconds: Date().timeIntervalSince(began))))
        let tasks = noteProgress(scores, reporter).map { CheckpointStore.bestName(ofTask: datasets[$0].name) }
        if isComplete, !scoresTestFiles {
            try report(all.mistakes, scores, configuration.evaluation.split, reporter)
        }
        return (isBetter ? [CheckpointStore.bestName] : []) + (configuration.checkpoint.bestPerTask ? tasks : [])
    }

    /// Collective: scores the test files once the last step is done; they decide nothing.
    private func reportTestScores(_ reporter: RootReporter) throws {
        guard scoresTestFiles else { return }
        let began = Date()
        guard let scores = try scores(.test, reporter) else { return }
        testScores = scores
        let criterion = configuration.evaluation.best
        for (split, scores) in [
            ("test", scores.all), (RunEvent.Evaluation.testWithoutExcluded, scores.withoutExcluded),
        ] {
            guard let scores else { continue }
            reporter.record(
                .evaluation(
                    .init(
                        step: state.step, split: split, tasks: scores, criterion: criterion.description,
                        score: criterion.value(in: scores), isBest: false, seconds: Date().timeIntervalSince(began))))
        }
        try report(scores.mistakes, scores.all, .test, reporter)
    }

    /// Collective: tells the worst mistakes of the final scoring; their texts are looked up on rank 0.
    private func report(
        _ mistakes: WorstMistakes, _ scores: [NamedScores], _ split: RunConfiguration.Evaluation.Split,
        _ reporter: RootReporter
    ) throws {
        let all = try mistakes.gathered(communicator)
        guard isRoot else { return }
        let files = datasets.map { split == .dev ? $0.dev : $0.test }
        reporter.record(
            .mistakes(
                all.event(
                    step: state.step, split: split.rawValue, scores: scores, tasks: model.tasks, files: files)))
    }

    /// Collective. - Returns: nil where a stop cut it short.
    private func scores(_ split: RunConfiguration.Evaluation.Split, _ reporter: RootReporter) throws -> SplitScores? {
        let files = datasets.map { split == .dev ? $0.dev : $0.test }
        if files.allSatisfy({ $0 == nil }) { return SplitScores(all: []) }
        reporter.phase("scoring the \(split.rawValue) files")
        try watch.enter(.evaluation, step: state.step)
        let scores = try evaluator(split).scores(replica.lanes.map(\.pass), communicator, goesOn: watch.goesOn)
        isStopping = scores == nil
        return scores
    }

    /// Collective: waits for the last checkpoint.
    private func finish(_ writer: CheckpointWriter, seconds: Double, _ reporter: RootReporter) throws -> RunEvent.End {
        try watch.enter(.saving, step: state.step)
        try communicator.agreeing { try writer.finish(reporter) }
        let checkpoint = store.checkpoint(step: state.step)
        let digest = try communicator.fromRootRank {
            let isSaved = writer.savedState == state
            return Array((isSaved ? try checkpoint.digest(of: "model.safetensors") ?? "" : "").utf8)
        }
        return RunEvent.End(
            step: state.step, modelSHA256: String(decoding: digest, as: UTF8.self),
            status: isStopping ? .stopped : .finished, seconds: seconds,
            best: state.best.map { .init(step: $0.step, criterion: $0.criterion, score: $0.score) },
            skippedSteps: state.skippedSteps, checkpoint: checkpoint.path)
    }
}

extension Criterion {
    /// The value of the criterion; not a number where its task has no scores.
    func value(in scores: [NamedScores]) -> Double {
        let chosen = scores.filter { task == nil || $0.name == task }.map(\.scores)
        return TaskScores.mean(of: chosen)?[score] ?? .nan
    }
}
