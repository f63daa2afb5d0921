import DataParallel
import LinearAlgebra
import Metrics
import Optimization
import TaskData

/// How a step comes to its gradient: in one pass over all tasks, or task by task where their gradients are looked at.
extension TrainingRun {
    /// Collective: puts the gradient of a step into the owned ranges, all tasks weighted as the run's rule says.
    ///
    /// - Returns: what all ranks know of it.
    func gradient(_ loaded: LoadedStep, _ clock: inout StepClock, _ reporter: RootReporter) throws -> StepReport {
        let factors = try lossFactors(loaded, &clock)
        if let taskGradients, configuration.needsTaskGradients(step: loaded.plan.step) {
            return try gradient(by: taskGradients, loaded, factors, &clock, reporter)
        }
        let losses = pass(loaded.shards, loaded.plan, factors, spoils: true)
        clock.notePasses(of: replica.lanes)
        let squares = try replica.sumGradients()
        let report = try StepReport(gathering: losses, squares, loaded, factors, of: self)
        clock.note(\.communication)
        return report
    }

    /// What each task's loss is multiplied by, beside its own weight.
    private func lossFactors(_ loaded: LoadedStep, _ clock: inout StepClock) throws -> [Double] {
        guard let rule = weighting as? any LossWeighting else { return datasets.map { _ in 1 } }
        let ahead = type(of: rule).looks ? try look(at: loaded, &clock) : []
        return rule.factors(isPresent: loaded.plan.taskCounts.map { $0 > 0 }, ahead: ahead)
    }

    /// Runs shards forward and backward. - Returns: their losses; nil where a stop came in between.
    private func pass(_ shards: [PackedShard], _ plan: StepPlan, _ factors: [Double], spoils: Bool) -> [[Double]]? {
        let weights = plan.taskCounts.indices.map {
            plan.taskCounts[$0] == 0 ? 0 : plan.weights[$0] * factors[$0] / Double(plan.taskCounts[$0])
        }
        let losses = replica.computeGradients(shards, weights: weights, dropoutKey: dropoutKey(plan))
        if spoils, watch.isSpoiled(.step, step: plan.step) { replica.spoilGradient() }
        return losses
    }

    private func dropoutKey(_ plan: StepPlan) -> UInt64 { mixedKey(configuration.seed, UInt64(plan.step)) }

    /// The gradient of one task after the other, and their combination.
    private func gradient(
        by taskGradients: TaskGradients, _ loaded: LoadedStep, _ lossFactors: [Double], _ clock: inout StepClock,
        _ reporter: RootReporter
    ) throws -> StepReport {
        let plan = loaded.plan
        let tasks = plan.taskCounts.indices.filter { plan.taskCounts[$0] > 0 }
        var losses: [[Double]]? = loaded.shards.map { _ in datasets.map { _ in 0 } }
        for task in tasks {
            let shards = loaded.shards.map { $0.only(task: task) }
            // Behind a stop too, where nothing is computed: the other ranks wait for this one's part in the passes and sums.
            let own = pass(shards, plan, lossFactors, spoils: task == tasks.first)
            losses = losses.flatMap { before in
                own.map { own in zip(before, own).map { zip($0, $1).map { $0 + $1 } } }
            }
            clock.notePasses(of: replica.lanes)
            try replica.sumGradients(ofTask: task, into: taskGradients)
            clock.note(\.communication)
        }
        let products = taskGradients.blockProducts(of: tasks)
        var report = try StepReport(
            gathering: losses, products, width: TaskGradients.pairCount(tasks.count), loaded, lossFactors, of: self)
        guard !report.isAbandoned, report.problem == nil else { return report }
        let gram = GramMatrix(count: tasks.count, pairs: report.blockSums)
        if configuration.showsCosines(step: plan.step) {
            reporter.record(
                .gradients(
                    .init(
                        step: plan.step, tasks: tasks.map { datasets[$0].name }, cosines: gram.cosines,
                        norms: gram.norms)))
        }
        var factors = tasks.map { _ in 1.0 }
        if var rule = weighting as? any GradientCombination {
            factors = rule.factors(
                TaskGradientProducts(
                    step: plan.step, numbers: tasks, losses: tasks.map { report.meanLosses[$0] ?? 0 }, gram: gram,
                    weights: tasks.map { plan.weights[$0] }))
            report.gradientFactors = Dictionary(uniqueKeysWithValues: zip(tasks, factors))
            report.weighting = rule
        }
        let squares = replica.combine(taskGradients, tasks: tasks, factors: factors)
        try report.gatherNorm(squares, of: self)
        clock.note(\.communication)
        return report
    }

    /// Lets the rule learn from a step whose update has been made.
    func adaptWeighting(_ loaded: LoadedStep, _ report: StepReport, _ clock: inout StepClock) throws {
        weighting = report.weighting
        if var rule = weighting as? any LossWeighting {
            let behind = type(of: rule).looks ? try look(at: loaded, &clock) : []
            rule.update(losses: report.meanLosses, behind: behind)
            weighting = rule
        }
        state.weighting = weighting.state.isEmpty ? nil : weighting.state
    }

    /// Collective: the mean loss of each task in a step by forward passes alone, with the dropout of the step. A stop does not
    /// cut it short.
    private func look(at loaded: LoadedStep, _ clock: inout StepClock) throws -> [Double?] {
        let losses = replica.computeLosses(loaded.shards, dropoutKey: dropoutKey(loaded.plan))
        clock.notePasses(of: replica.lanes)
        let all = try communicator.allGather(losses.flatMap { $0 })
        clock.note(\.communication)
        return loaded.plan.means(ofShardLosses: all[...])
    }
}

extension StepPlan {
    /// The mean loss of each task; nil where the step has no examples of it.
    ///
    /// - Parameter losses: for each shard in order the sum of each task's losses.
    func means(ofShardLosses losses: ArraySlice<Double>) -> [Double?] {
        var sums = taskCounts.map { _ in 0.0 }
        for (place, loss) in losses.enumerated() { sums[place % sums.count] += loss }
        return zip(sums, taskCounts).map { $1 > 0 ? $0 / Double($1) : nil }
    }
}
