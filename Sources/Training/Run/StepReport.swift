import Foundation
import MPI
import Metrics
import Optimization
import TaskData

/// What all ranks know of a step before its update: gathered in one message, added in canonical order.
struct StepReport {
    /// The mean of the cross-entropies of each task over the whole step; nil for a task without examples in it.
    let meanLosses: [Double?]
    /// What each task's loss was multiplied by, beside its own weight.
    let lossFactors: [Double]
    /// What each task's gradient was multiplied by, where a rule combines gradients.
    var gradientFactors: [Int: Double]?
    /// The rule that weights tasks, as it is once the update has been made.
    var weighting: any TaskWeighting
    /// The sums over all blocks of what the ranks told of each block.
    let blockSums: [Double]
    /// Before clipping.
    private(set) var gradientNorm: Double
    /// Of all ranks.
    let tokens: Int
    /// Whether any rank was asked to stop.
    let isStopRequested: Bool
    /// Whether any rank stopped in the midst of the step, so that there is nothing to update with.
    let isAbandoned: Bool
    /// Whether the step had no examples, since all of its tasks rest.
    var isEmpty: Bool { meanLosses.allSatisfy { $0 == nil } }
    /// What is not finite, or nil: the same on every rank.
    private(set) var problem: String?

    /// Collective.
    ///
    /// - Parameters:
    ///   - losses: of this rank's shards, by task; nil where it stopped in the midst of them.
    ///   - blockValues: of this rank's blocks, ascending, `width` numbers of each: the sum of squares, or products that are
    ///     added up likewise.
    init(
        gathering losses: [[Double]]?, _ blockValues: [Double], width: Int = 1, _ loaded: LoadedStep,
        _ lossFactors: [Double], of run: TrainingRun
    ) throws {
        let ranges = run.replica.exchange.ranges
        let taskCount = run.datasets.count
        let (lossCount, tokenCount) = (loaded.shards.count * taskCount, loaded.shards.reduce(0) { $0 + $1.tokenCount })
        let own =
            [run.watch.isStopRequested ? 1 : 0, losses == nil ? 1 : 0, Double(tokenCount)]
            + (losses?.flatMap { $0 } ?? Array(repeating: 0, count: lossCount)) + blockValues
            + Array(repeating: 0, count: ranges.largestBlockCount * width - blockValues.count)
        let all = try run.communicator.allGather(own)
        let reports = (0..<run.communicator.size).map { all[$0 * own.count..<($0 + 1) * own.count] }
        func total(_ place: Int) -> Double { reports.reduce(0) { $0 + $1[$1.startIndex + place] } }
        (isStopRequested, isAbandoned, tokens) = (total(0) > 0, total(1) > 0, Int(total(2)))
        meanLosses = loaded.plan.means(ofShardLosses: reports.flatMap { $0.dropFirst(3).prefix(lossCount) }[...])
        let ordered = ranges.inBlockOrder(reports.map { $0.dropFirst(3 + lossCount) }, width: width)
        blockSums = (0..<width).map { column in
            stride(from: column, to: ordered.count, by: width).reduce(0) { $0 + ordered[$1] }
        }
        gradientNorm = blockSums[0].squareRoot()
        (self.lossFactors, weighting) = (lossFactors, run.weighting)
        if let task = meanLosses.firstIndex(where: { $0.map { !$0.isFinite } ?? false }) {
            problem = "the loss of task \(run.datasets[task].name)"
        } else {
            problem = blockSums.allSatisfy(\.isFinite) ? nil : "the gradient"
        }
    }

    /// Collective: the norm of a gradient that was made of others.
    ///
    /// - Parameter squares: see `Replica.sumGradients`.
    mutating func gatherNorm(_ squares: [Double], of run: TrainingRun) throws {
        let all = try run.communicator.allGather(squares)
        gradientNorm = GradientNorm.norm(
            ofBlockSums: run.replica.exchange.ranges.inBlockOrder(
                (0..<run.communicator.size).map { all[$0 * squares.count..<($0 + 1) * squares.count] }))
        if !gradientNorm.isFinite { problem = "the gradient" }
    }

    func event(
        _ plan: StepPlan, _ learningRate: Double, _ seconds: RunEvent.Step.Seconds, of run: TrainingRun
    ) -> RunEvent.Step {
        let showsWeights = run.configuration.weighting.strategy != .static
        var (total, tasks): (Double, [RunEvent.Step.TaskLoss]) = (0, [])
        for (task, loss) in meanLosses.enumerated() {
            guard let loss else { continue }
            total += plan.weights[task] * lossFactors[task] * loss
            let weight = gradientFactors?[task] ?? lossFactors[task]
            tasks.append(.init(name: run.datasets[task].name, loss: loss, weight: showsWeights ? weight : nil))
        }
        return RunEvent.Step(
            step: plan.step, totalSteps: run.totalSteps, loss: total, tasks: tasks, learningRate: learningRate,
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

    /// Counts the time since the last note towards forward and backward passes, as they shared it inside the lanes.
    mutating func notePasses(of lanes: [Lane]) {
        let before = seconds.backward
        note(\.backward)
        let (forward, backward) = lanes.reduce((0.0, 0.0)) {
            let own = $1.takeSeconds()
            return ($0.0 + own.forward, $0.1 + own.backward)
        }
        let share = (seconds.backward - before) * forward / max(forward + backward, 1e-9)
        seconds.forward += share
        seconds.backward -= share
    }
}
