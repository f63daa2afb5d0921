import Foundation
import MPI
import Metrics
import Optimization
import TaskData

/// What all ranks know of a step before its update: gathered in one message, added in canonical order.
struct StepReport {
    /// The sum of the cross-entropies of each task over the whole step.
    let taskLosses: [Double]
    /// Before clipping.
    let gradientNorm: Double
    /// Of all ranks.
    let tokens: Int
    /// Whether any rank was asked to stop.
    let isStopRequested: Bool
    /// Whether any rank stopped in the midst of the step, so that there is nothing to update with.
    let isAbandoned: Bool
    /// What is not finite, or nil: the same on every rank.
    let problem: String?

    /// Collective.
    ///
    /// - Parameters:
    ///   - losses: of this rank's shards, by task; nil where it stopped in the midst of them.
    ///   - squares: see `Replica.sumGradients`.
    init(gathering losses: [[Double]]?, squares: [Double], _ loaded: LoadedStep, of run: TrainingRun) throws {
        let taskCount = run.datasets.count
        let (lossCount, tokenCount) = (loaded.shards.count * taskCount, loaded.shards.reduce(0) { $0 + $1.tokenCount })
        let own =
            [run.watch.isStopRequested ? 1 : 0, losses == nil ? 1 : 0, Double(tokenCount)]
            + (losses?.flatMap { $0 } ?? Array(repeating: 0, count: lossCount)) + squares
        let all = try run.communicator.allGather(own)
        let reports = (0..<run.communicator.size).map { all[$0 * own.count..<($0 + 1) * own.count] }
        var sums = [Double](repeating: 0, count: taskCount)
        var (stops, gaps, tokenSum) = (0.0, 0.0, 0.0)
        for report in reports {
            stops += report[report.startIndex]
            gaps += report[report.startIndex + 1]
            tokenSum += report[report.startIndex + 2]
            let shardLosses = report.dropFirst(3).prefix(lossCount)
            for (place, loss) in shardLosses.enumerated() { sums[place % taskCount] += loss }
        }
        taskLosses = sums
        gradientNorm = GradientNorm.norm(
            ofBlockSums: run.replica.exchange.ranges.inBlockOrder(
                reports.map { $0.dropFirst(3 + lossCount) }))
        tokens = Int(tokenSum)
        (isStopRequested, isAbandoned) = (stops > 0, gaps > 0)
        if let task = sums.firstIndex(where: { !$0.isFinite }) {
            problem = "the loss of task \(run.datasets[task].name)"
        } else {
            problem = gradientNorm.isFinite ? nil : "the gradient"
        }
    }

    func event(
        _ plan: StepPlan, _ learningRate: Double, _ seconds: RunEvent.Step.Seconds, of run: TrainingRun
    ) -> RunEvent.Step {
        let present = run.datasets.indices.filter { plan.taskCounts[$0] > 0 }
        let means = present.map { (task: $0, loss: taskLosses[$0] / Double(plan.taskCounts[$0])) }
        return RunEvent.Step(
            step: plan.step, totalSteps: run.totalSteps, loss: means.reduce(0) { $0 + plan.weights[$1.task] * $1.loss },
            tasks: means.map { .init(name: run.datasets[$0.task].name, loss: $0.loss) }, learningRate: learningRate,
            gradientNorm: gradientNorm, examples: plan.taskCounts.reduce(0, +), tokens: tokens,
            tokensPerSecond: Double(tokens) / max(seconds.total, 1e-9), seconds: seconds)
    }
}

/// Measures the parts of a step on this rank.
struct StepClock {
    private(set) var seconds = RunEvent.Step.Seconds(data: 0, forward: 0, backward: 0, communication: 0, optimizer: 0)
    private var last = DispatchTime.now().uptimeNanoseconds

    /// Counts the time since the last note towards a part.
    mutating func note(_ part: WritableKeyPath<RunEvent.Step.Seconds, Double>) {
        let now = DispatchTime.now().uptimeNanoseconds
        seconds[keyPath: part] += Double(now - last) / 1e9
        last = now
    }

    /// Counts the forward passes' part of the time that was noted as backward: the two take turns inside a lane.
    mutating func moveForwardPasses(of lanes: [Lane]) {
        let (forward, backward) = lanes.reduce((0.0, 0.0)) {
            let own = $1.takeSeconds()
            return ($0.0 + own.forward, $0.1 + own.backward)
        }
        let share = seconds.backward * forward / max(forward + backward, 1e-9)
        seconds.forward += share
        seconds.backward -= share
    }
}
