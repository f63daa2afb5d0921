import DataParallel
import Dispatch
import LinearAlgebra
import MPI
import MultiTaskBERT
import Optimization
import Synchronization
import TaskData

/// This rank's copy of the model and its part in a step: gradients of its shards, the sum over all ranks, the update of the
/// ranges that it owns.
final class Replica {
    let model: ModelShape
    let exchange: any ReplicaExchange
    let optimizer: AdamW
    let lanes: [Lane]
    private let weights: EncoderWeights
    /// Ranges of the flat buffer whose gradient stands in the exchange's common gradient, and not in this rank's own.
    private var summed: [Range<Int>] = []
    private let watch: RankWatch
    private var communicator: any Communicator { watch.communicator }

    /// Collective.
    ///
    /// - Parameter work: how the ranks divide it.
    init(
        _ model: ModelShape, _ watch: RankWatch, _ work: Work, adamW: AdamW.Settings, precision: ProductPrecision,
        fineTuning: FineTuning = FineTuning()
    ) throws {
        self.model = model
        self.watch = watch
        let communicator = watch.communicator
        let memory = try ReplicaMemory(model, communicator, work, precision)
        let exchange = memory.exchange
        self.exchange = exchange
        optimizer = AdamW(
            adamW,
            segments: model.layout.tensors.map {
                AdamW.Segment($0, rate: fineTuning.rate(of: $0, in: model), exchange.table)
            },
            owned: exchange.ranges.ranges(of: communicator.rank))
        let weights = EncoderWeights(model, parameters: exchange.parameters, precision, copies: exchange.derived)
        self.weights = weights
        lanes = exchange.gradients.enumerated().map { index, gradient in
            Lane(
                model, parameters: exchange.parameters, weights: weights, gradient: gradient,
                tokenBudget: Replica.tokenBudget, fineTuning: fineTuning,
                sharing: memory.sharings.isEmpty ? nil : memory.sharings[index])
        }
    }

    /// How the ranks divide a step's work.
    struct Work {
        /// Lanes of each rank.
        var threads: Int
        var exchange = ExchangeKind.auto
        /// Tokens of the largest shard that there can be.
        var shardTokens: Int
        /// Shards of each lane.
        var laneShards: Int
        /// Whether each lane has a core of its own, so that one that is done can help the others, and wait for them.
        var hasCores: Bool
    }

    /// Tokens that a lane runs as one batch: enough to save traffic, little enough to keep the activations small.
    static let tokenBudget = 1024

    /// The first and the second moments of each owned range.
    var moments: [[VectorView]] {
        [optimizer.firstMoment, optimizer.secondMoment].map { moment in
            var place = 0
            return exchange.ranges.ranges(of: communicator.rank).map { range in
                defer { place += range.count }
                return moment.slice(place..<place + range.count)
            }
        }
    }

    /// Runs the rank's shards forward and backward; all ranks do so, as often as each other.
    ///
    /// - Parameter weights: of each task: what one example's loss counts.
    /// - Returns: for each of the rank's shards the sum of each task's losses; nil where a stop was asked for at the
    ///   boundary of a shard.
    func computeGradients(_ shards: [PackedShard], weights: [Double], dropoutKey: UInt64) -> [[Double]]? {
        let watch = watch
        let losses = onLanes(shards) { lane, own in
            lane.computeGradient(of: own, weights: weights, dropoutKey: dropoutKey, goesOn: watch.goesOn)
        }
        let complete = losses.compactMap { $0 }
        return complete.count == losses.count ? complete.flatMap { $0 } : nil
    }

    /// The losses that `computeGradients` returns, by forward passes alone. A stop does not cut it short.
    func computeLosses(_ shards: [PackedShard], dropoutKey: UInt64) -> [[Double]] {
        let watch = watch
        return onLanes(shards) { lane, own in
            lane.computeLosses(of: own, dropoutKey: dropoutKey) { watch.noteProgress() }
        }.flatMap { $0 }
    }

    /// Runs each lane's share of the shards on a thread of its own. A lane that is done helps others of the machine, until none
    /// computes any more.
    private func onLanes<Result: Sendable>(
        _ shards: [PackedShard], _ body: @Sendable (Lane, ArraySlice<PackedShard>) -> Result
    ) -> [Result] {
        let (lanes, watch) = (lanes, watch)
        let share = shards.count / lanes.count
        let results = Mutex([Result?](repeating: nil, count: lanes.count))
        let done = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: lanes.count) { index in
            let own = body(lanes[index], shards[index * share..<(index + 1) * share])
            results.withLock { $0[index] = own }
            // From then on the rank waits for others, even while it helps them.
            if done.wrappingAdd(1, ordering: .relaxed).newValue == lanes.count { watch.waits(true) }
            lanes[index].pass.help()
        }
        watch.waits(false)
        return results.withLock { $0.compactMap { $0 } }
    }

    /// Puts a number that is not finite where the next step writes again; for tests.
    func spoilGradient() {
        guard let dense = model.layout.tensors.last(where: { $0.task == nil }) else { return }
        exchange.gradients[0].elements[dense.range.lowerBound] = .nan
    }

    /// Collective: adds up the gradients of all ranks in the owned ranges.
    ///
    /// - Returns: the sums of squares of this rank's blocks, `exchange.ranges.largestBlockCount` numbers with zeros behind them.
    func sumGradients() throws -> [Double] {
        summed = rangesSummedByLanes
        return squares(
            of: try exchange.sumOwnedGradients(touchedRows: lanes.map(\.gradient.touchedWords), summed: summed))
    }

    /// Collective: adds up the gradients of all ranks as that of one task, and gives the lanes free.
    func sumGradients(ofTask task: Int, into taskGradients: TaskGradients) throws {
        try taskGradients.sum(
            task: task, touchedRows: lanes.map(\.gradient.touchedWords), summed: rangesSummedByLanes, by: exchange)
    }

    /// Where the lanes computed one gradient together.
    private var rangesSummedByLanes: [Range<Int>] { lanes[0].hasSummed ? model.layout.layerMatrices : [] }

    /// Makes one gradient of those of some tasks, in the owned ranges.
    ///
    /// - Returns: as `sumGradients`.
    func combine(_ taskGradients: TaskGradients, tasks: [Int], factors: [Double]) -> [Double] {
        summed = []
        return squares(
            of: taskGradients.combine(tasks, factors: factors.map { Float($0) }, into: exchange.gradients[0]))
    }

    private func squares(of sum: OwnedSum) -> [Double] {
        lanes[0].gradient.noteTouchedWords(sum.writtenRows)
        return sum.squares + [Double](repeating: 0, count: exchange.ranges.largestBlockCount - sum.squares.count)
    }

    /// Collective: fills every replica's parameters with rank 0's.
    func broadcastParameters() throws {
        try exchange.broadcastParameters(deriving: derive)
    }

    /// Collective: hands the updated parameters round.
    func publishParameters() throws {
        try exchange.publishParameters(deriving: derive)
    }

    private func derive(_ range: Range<Int>) {
        let (weights, threads) = (weights, lanes.count)
        onThreads(threads) { weights.update(range.part($0, of: threads)) }
    }

    /// Updates the owned ranges of the parameters; `publishParameters` hands them round.
    ///
    /// - Parameters:
    ///   - gradientScale: the clipping.
    ///   - updates: see `AdamW.update`.
    ///   - usedWords: that count as used by a text from now on, beside those that the step used.
    func update(gradientScale: Float, learningRate: Double, updates: [Int?], usedWords: [Int32] = []) {
        let (summed, common, own, weights) = (summed, exchange.commonGradient, exchange.gradients[0], weights)
        optimizer.update(
            exchange.parameters,
            gradient: { range in
                (summed.contains { $0.overlaps(range) } ? common : own).slice(range)
            }, gradientScale: gradientScale, learningRate: learningRate, updates: updates,
            touchedRows: lanes[0].gradient.touchedWords + usedWords, threads: lanes.count,
            copy: { weights.copy(of: $0) })
    }
}

extension AdamW.Segment {
    /// The encoder's tensors are group 0; those of a task's classification head are a group of their own.
    init(_ tensor: ParameterTensor, rate: Double, _ table: SparseTable) {
        self.init(
            range: tensor.range, decays: tensor.decays, group: tensor.task.map { $0 + 1 } ?? 0, rate: rate,
            rowSize: tensor.range == 0..<table.count ? table.columns : nil)
    }
}
