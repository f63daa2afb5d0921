import DataParallel
import LinearAlgebra
import MPI
import MultiTaskBERT
import Optimization

/// The memory that the replicas of a model have in common.
struct ReplicaMemory {
    let exchange: any ReplicaExchange
    /// How each of this rank's lanes computes products together with others; none where they could not, or where there is only
    /// one lane.
    let sharings: [ProductSharing]

    /// Collective.
    ///
    /// - Throws: `UsageError` where shared memory was asked for and cannot be had.
    init(
        _ model: ModelShape, _ communicator: any Communicator, _ work: Replica.Work, _ precision: ProductPrecision
    ) throws {
        let size = communicator.size
        let needed = SharedMemoryExchange.byteCount(model, precision, lanes: work.threads, worldSize: size)
        let mostTokens = max(Replica.tokenBudget, work.shardTokens)
        let arena = ProductSharing.arenaByteCount(model, precision, mostTokens: mostTokens)
        func hasRoom(_ byteCount: Int) -> Bool {
            size == 1 || communicator.sharesMemory && SharedMemorySpace.has(byteCount)
        }
        let own = [hasRoom(needed), hasRoom(needed + size * work.threads * arena) && work.hasCores]
        // Ranks see the same file system, but not at the same moment: all do what the most cautious one finds.
        let all = try communicator.allGather(own)
        let isPossible = stride(from: 0, to: all.count, by: 2).allSatisfy { all[$0] }
        let helps = stride(from: 1, to: all.count, by: 2).allSatisfy { all[$0] }
        if work.exchange == .shared, !isPossible {
            throw UsageError(
                "--exchange shared needs all ranks on one machine and \(needed >> 20) MiB free in /dev/shm; "
                    + "use auto or messages")
        }
        let (count, block) = (model.layout.count, GradientNorm.blockSize)
        let copySize = EncoderWeights.copySize(model, precision)
        guard work.exchange != .messages, isPossible else {
            exchange = MessageExchange(
                communicator, count: count, table: model.wordTable, lanes: work.threads, blockSize: block,
                derivedCount: copySize)
            sharings = []
            return
        }
        let exchange = try SharedMemoryExchange(
            communicator, count: count, table: model.wordTable, lanes: work.threads, blockSize: block,
            derivedCount: copySize)
        self.exchange = exchange
        guard helps, size * work.threads > 1 else {
            sharings = []
            return
        }
        let board = try WorkBoard(
            communicator, lanes: work.threads, arenaByteCount: arena, others: exchange.sharedMemory)
        let terms = try TermBoard(
            communicator, lanes: work.threads, sums: ProductSharing.sumCount(model),
            capacity: ProductSharing.termCapacity(shards: work.laneShards))
        sharings = (0..<work.threads).map {
            ProductSharing(board, terms, lane: $0, sums: exchange.commonGradient, mostTokens: mostTokens)
        }
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
