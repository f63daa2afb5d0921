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
    private let communicator: any Communicator

    /// Collective.
    init(
        _ model: ModelShape, _ communicator: any Communicator, threads: Int, exchange kind: ExchangeKind,
        adamW: AdamW.Settings, precision: ProductPrecision, fineTuning: FineTuning = FineTuning()
    ) throws {
        self.model = model
        self.communicator = communicator
        let exchange = try makeExchange(kind, communicator, model, precision, lanes: threads)
        self.exchange = exchange
        optimizer = AdamW(
            adamW,
            segments: model.layout.tensors.map { AdamW.Segment($0, rate: fineTuning.rate(of: $0, in: model)) },
            owned: exchange.ranges.ranges(of: communicator.rank))
        let weights = EncoderWeights(model, parameters: exchange.parameters, precision, copies: exchange.derived)
        self.weights = weights
        lanes = exchange.gradients.map {
            Lane(
                model, parameters: exchange.parameters, weights: weights, gradient: $0,
                tokenBudget: Replica.tokenBudget, fineTuning: fineTuning)
        }
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

    /// Runs the rank's shards forward and backward, each lane on its own thread.
    ///
    /// - Parameters:
    ///   - weights: of each task: what one example's cross-entropy counts.
    ///   - goesOn: asked at shard boundaries, on any lane's thread.
    /// - Returns: for each of the rank's shards the sum of each task's cross-entropies; nil where `goesOn` said no.
    func computeGradients(
        _ shards: [PackedShard], weights: [Double], dropoutKey: UInt64, goesOn: @Sendable () -> Bool = { true }
    ) -> [[Double]]? {
        let lanes = lanes
        let share = shards.count / lanes.count
        let losses = Mutex([[[Double]]?](repeating: nil, count: lanes.count))
        DispatchQueue.concurrentPerform(iterations: lanes.count) { index in
            let own = lanes[index].computeGradient(
                of: shards[index * share..<(index + 1) * share], weights: weights, dropoutKey: dropoutKey,
                goesOn: goesOn)
            losses.withLock { $0[index] = own }
        }
        let complete = losses.withLock { $0.compactMap { $0 } }
        return complete.count == lanes.count ? complete.flatMap { $0 } : nil
    }

    /// The losses that `computeGradients` returns, by forward passes alone.
    ///
    /// - Parameter beforeBatch: called before each batch of shards, on any lane's thread.
    func computeLosses(
        _ shards: [PackedShard], dropoutKey: UInt64, beforeBatch: @Sendable () -> Void
    ) -> [[Double]] {
        let lanes = lanes
        let share = shards.count / lanes.count
        let losses = Mutex([[[Double]]](repeating: [], count: lanes.count))
        DispatchQueue.concurrentPerform(iterations: lanes.count) { index in
            let own = lanes[index].computeLosses(
                of: shards[index * share..<(index + 1) * share], dropoutKey: dropoutKey, beforeBatch: beforeBatch)
            losses.withLock { $0[index] = own }
        }
        return losses.withLock { $0.flatMap { $0 } }
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
        squares(of: try exchange.sumOwnedGradients(touchedRows: lanes.map(\.gradient.touchedWords)))
    }

    /// Collective: adds up the gradients of all ranks as that of one task, and gives the lanes free.
    func sumGradients(ofTask task: Int, into taskGradients: TaskGradients) throws {
        try taskGradients.sum(task: task, touchedRows: lanes.map(\.gradient.touchedWords), by: exchange)
    }

    /// Makes one gradient of those of some tasks, in the owned ranges.
    ///
    /// - Returns: as `sumGradients`.
    func combine(_ taskGradients: TaskGradients, tasks: [Int], factors: [Double]) -> [Double] {
        squares(of: taskGradients.combine(tasks, factors: factors.map { Float($0) }, into: exchange.gradients[0]))
    }

    private func squares(of sum: OwnedSum) -> [Double] {
        lanes[0].gradient.noteTouchedWords(sum.writtenRows)
        return sum.squares + [Double](repeating: 0, count: exchange.ranges.largestBlockCount - sum.squares.count)
    }

    /// Collective: fills every replica's parameters with rank 0's.
    func broadcastParameters() throws {
        try exchange.broadcastParameters { weights.update($0, threads: lanes.count) }
    }

    /// Collective: hands the updated parameters round.
    func publishParameters() throws {
        try exchange.publishParameters { weights.update($0, threads: lanes.count) }
    }

    /// Updates the owned ranges of the parameters; `publishParameters` hands them round.
    ///
    /// - Parameters:
    ///   - gradientScale: the clipping.
    ///   - updates: see `AdamW.update`.
    func update(gradientScale: Float, learningRate: Double, updates: [Int?]) {
        optimizer.update(
            exchange.parameters, gradient: exchange.gradients[0], gradientScale: gradientScale,
            learningRate: learningRate, updates: updates)
    }
}

extension AdamW.Segment {
    /// The encoder's tensors are group 0; those of a task's classification head are a group of their own.
    init(_ tensor: ParameterTensor, rate: Double) {
        self.init(range: tensor.range, decays: tensor.decays, group: tensor.task.map { $0 + 1 } ?? 0, rate: rate)
    }
}

extension SharedMemoryExchange {
    /// Bytes of shared memory that all replicas of a model need together.
    static func byteCount(_ model: ModelShape, _ precision: ProductPrecision, lanes: Int, worldSize: Int) -> Int {
        byteCount(
            count: model.layout.count, model.wordTable, lanes: lanes, worldSize: worldSize,
            derivedCount: EncoderWeights.copySize(model, precision))
    }
}

extension ModelShape {
    /// The embeddings of words, at the start of the flat buffer.
    fileprivate var wordTable: SparseTable {
        SparseTable(rows: configuration.vocabularySize, columns: configuration.hiddenSize)
    }
}

/// Makes the buffers of the replicas.
///
/// - Throws: `UsageError` where shared memory was asked for and cannot be had.
private func makeExchange(
    _ kind: ExchangeKind, _ communicator: any Communicator, _ model: ModelShape, _ precision: ProductPrecision,
    lanes: Int
) throws -> any ReplicaExchange {
    let (count, block) = (model.layout.count, GradientNorm.blockSize)
    let copySize = EncoderWeights.copySize(model, precision)
    let needed = SharedMemoryExchange.byteCount(model, precision, lanes: lanes, worldSize: communicator.size)
    let isPossible = communicator.size == 1 || communicator.sharesMemory && SharedMemorySpace.has(needed)
    // Ranks see the same file system, but not at the same moment: all do what the most cautious one finds.
    let possible = try communicator.allGather(isPossible).allSatisfy { $0 }
    if kind == .shared, !possible {
        throw UsageError(
            "--exchange shared needs all ranks on one machine and \(needed >> 20) MiB free in /dev/shm; use auto or messages"
        )
    }
    if kind == .messages || !possible {
        return MessageExchange(
            communicator, count: count, table: model.wordTable, lanes: lanes, blockSize: block, derivedCount: copySize)
    }
    return try SharedMemoryExchange(
        communicator, count: count, table: model.wordTable, lanes: lanes, blockSize: block, derivedCount: copySize)
}
