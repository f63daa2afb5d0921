import Checkpoints
import DataParallel
import Foundation
import MPI
import MultiTaskBERT
import Synchronization
import TaskData

/// Looks over the machines, the libraries and the files that a run would meet, and says what to do about what is wrong.
/// Nothing is trained, and nothing is left behind but a model that had to be fetched.
public struct Doctor {
    private let configuration: RunConfiguration
    private let threads: ThreadCount
    private let watch: RankWatch
    private var communicator: any Communicator { watch.communicator }

    public init(_ configuration: RunConfiguration, threads: ThreadCount, watch: RankWatch) {
        (self.configuration, self.threads, self.watch) = (configuration, threads, watch)
    }

    /// Seconds after which a rank has nothing more to wait for.
    private static let patience = 60

    /// Collective. - Returns: what was found, on rank 0.
    public func run() throws -> [Finding] {
        let source = try onEachMachine { try EncoderSource(configuration, onProgress: watch.noteProgress) }
        let deadline = Deadline(seconds: Self.patience, rank: communicator.rank)
        defer { deadline.lift() }
        let placement = try RankPlacement(communicator)
        let ranks = try examineRanks()
        let speed = try ExchangeSpeed(measuringWith: communicator)
        let precision = try onEachMachine { try ProductPrecision(configuration.precision) }
        let datasets = try configuration.tasks.map { entry in
            try onEachMachine { try TaskDataset(TaskDescription(entry), seed: configuration.seed) }
        }
        guard communicator.rank == 0 else { return [] }

        var checks: [any Check] = []
        let shape = (try? source.get()).flatMap { $0 }.map { modelShape($0, datasets) }
        let plan = shape.flatMap { division(of: $0, placement) }
        var ranksCheck = RanksCheck(placement: placement, library: World.libraryVersion)
        if let layout = try? ShardLayout(shardCount: configuration.batch.shards.count(ranks: communicator.size)) {
            (ranksCheck.shardCount, ranksCheck.validRankCounts) = (layout.shardCount, layout.validRankCounts)
        }
        checks.append(ranksCheck)
        checks.append(ProcessorCheck(ranks: ranks))
        if let plan {
            let memory = plan.memory
            checks.append(
                CoresCheck(placement: placement, threads: plan.threads) { memory.bytes(ranks: $0, threads: $1) })
            checks.append(SharedMemoryCheck(ranks: ranks, needed: plan.sharedMemory))
        }
        checks.append(SingleCopyCheck(ranks: ranks))
        let gradient = shape.map { 4 * $0.layout.count }
        checks.append(ExchangeSpeedCheck(speed: speed, gradient: gradient, areFar: placement.machines.count > 1))
        // Two moments a parameter lie in one file.
        checks.append(LimitsCheck(ranks: ranks, largestFile: 8 * (shape?.layout.count ?? 0)))
        // The one that is written comes to those that are kept, and the best may be an older one.
        var disk = DiskCheck(
            folder: configuration.output, checkpoint: 12 * (shape?.layout.count ?? 0),
            count: configuration.checkpoint.keep + 2)
        disk.examine()
        checks.append(disk)
        checks.append(ReadingCheck("model", modelReading(source, shape)))
        checks.append(ReadingCheck("precision", precision.map { _ in configuration.precision.rawValue }))
        checks += zip(configuration.tasks, datasets).map { ReadingCheck("task \($0.name)", $1.map(Self.text)) }
        return checks.flatMap(\.findings)
    }

    /// Collective. - Returns: what every rank finds where it is.
    private func examineRanks() throws -> [RankFacts] {
        try communicator.barrier()
        var own = RankFacts.inspect(machine: communicator.machine)
        own.readError = try readErrorOfNeighbour(communicator)
        return try communicator.allGatherVariable(Array(try JSONEncoder().encode(own))).map {
            try JSONDecoder().decode(RankFacts.self, from: Data($0))
        }
    }

    /// Collective: the lowest rank of each machine does it, since each machine must be able to.
    private func onEachMachine<Value>(_ body: () throws -> Value) throws -> Result<Value?, AgreedFailure> {
        do throws(AgreedFailure) {
            return .success(try agreed { communicator.machine == communicator.rank ? try body() : nil })
        } catch {
            return .failure(error)
        }
    }

    private func agreed<Value>(_ body: () throws -> Value?) throws(AgreedFailure) -> Value? {
        do {
            return try communicator.agreeing(body)
        } catch let failure as AgreedFailure {
            throw failure
        } catch {
            throw AgreedFailure(rank: communicator.rank, code: ExitCode(error), message: "\(error)")
        }
    }

    // MARK: On rank 0

    private func modelShape(_ source: EncoderSource, _ datasets: [Result<TaskDataset?, AgreedFailure>]) -> ModelShape {
        let tasks = zip(configuration.tasks, datasets).map { entry, dataset in
            if let dataset = (try? dataset.get()).flatMap({ $0 }) {
                return ClassificationTask(name: dataset.name, labels: dataset.labelNames, kind: dataset.kind)
            }
            return ClassificationTask(name: entry.name, labels: entry.labels ?? ["0", "1"])
        }
        return ModelShape(
            source.configuration, tasks: tasks, pooling: configuration.pooling == .mean ? .mean : .firstToken)
    }

    /// How a run would divide the work; nil where it could not.
    private func division(of model: ModelShape, _ placement: RankPlacement)
        -> (memory: MemoryNeed, threads: Int, sharedMemory: Int)?
    {
        let size = communicator.size
        guard let shardCount = try? configuration.batch.shards.count(ranks: size),
            let own = try? ShardLayout(shardCount: shardCount).shards(ofRank: 0, of: size)
        else { return nil }
        let precision: ProductPrecision = configuration.precision == .fp32 ? .single : .bfloat16
        let memory = MemoryNeed(configuration, model, precision, worldSize: size, shardCount: shardCount)
        let lanes = try? RunConfiguration.lanes(threads, shardsPerRank: own.count) {
            placement.threads(valid: $0, needed: memory.bytes)
        }
        guard let lanes else { return nil }
        let shared = SharedMemoryExchange.byteCount(model, precision, lanes: lanes, worldSize: size)
        return (memory, lanes, shared)
    }

    /// Holds the names and shapes of the weights against the configuration, without reading their numbers.
    private func modelReading(_ source: Result<EncoderSource?, AgreedFailure>, _ shape: ModelShape?)
        -> Result<String, AgreedFailure>
    {
        source.flatMap { source in
            guard let source, let shape else { return .success("nothing to read") }
            let model = shape.configuration
            let text =
                "\(model.layerCount) layers of \(model.hiddenSize), \(shape.layout.parameterCount / 1000)k parameters, "
                + "\(source.tokenizer.vocabularySize) tokens"
            guard let folder = source.folder else { return .success("a small random encoder, \(text)") }
            do {
                try source.requireRoom(for: shape)
                let weights = try source.weights()
                try shape.requireTensors(
                    of: weights.source, file: weights.file, as: .encoder(seed: 0, heads: source.heads))
                return .success("\(folder): \(text); the weights fit")
            } catch {
                return .failure(AgreedFailure(rank: 0, code: ExitCode(error), message: "\(error)"))
            }
        }
    }

    private static func text(_ dataset: TaskDataset?) -> String {
        guard let dataset else { return "read" }
        let files = [("train", dataset.train), ("dev", dataset.dev), ("test", dataset.test)].compactMap { name, file in
            file.map {
                "\(name) \($0.usableRows.count)" + ($0.droppedCount > 0 ? " (\($0.droppedCount) left out)" : "")
            }
        }
        return files.joined(separator: ", ")
            + (dataset.kind == .regression ? "; numbers" : "; \(dataset.labelNames.count) labels")
    }
}

extension Finding {
    /// The code that `doctor` ends with: that of the first error.
    public static func exitCode(of findings: [Finding]) -> ExitCode {
        findings.first { $0.level == .error }?.code ?? .done
    }
}

/// Ends the process where the ranks wait for one that does not come: what is examined takes seconds.
private final class Deadline: Sendable {
    private let isLifted = Atomic(false)

    init(seconds: Int, rank: Int) {
        Thread.detachNewThread { [self] in
            for _ in 0..<seconds * 10 {
                if isLifted.load(ordering: .acquiring) { return }
                usleep(100_000)
            }
            complain("rank \(rank): the examination has not come to its end after \(seconds) s; a rank or a disk hangs")
            _exit(ExitCode.failure.rawValue)
        }
    }

    func lift() { isLifted.store(true, ordering: .releasing) }
}
