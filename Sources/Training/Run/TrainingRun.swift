import Checkpoints
import DataParallel
import Foundation
import LinearAlgebra
import MPI
import Metrics
import MultiTaskBERT
import Optimization
import TaskData
import Tokenization

/// How a run is carried out; none of it changes the result.
public struct RunOptions: Sendable {
    public var resume = ResumePolicy.auto
    public var threads = ThreadCount.auto
    public var exchange = ExchangeKind.auto
    /// Whether the best evaluation so far is saved each time.
    var savesBest = true
    /// Whether a run that comes to its end saves it. Where it does not, its log names no model.
    var savesLast = true
    /// Where ranks are and what they may use, where that is known: also of ranks that have no part in the run.
    var placement: RankPlacement?

    public init() {}
}

/// Shards that a rank computes at once.
public enum ThreadCount: Sendable, Equatable {
    /// As many as cores and memory allow.
    case auto
    case count(Int)

    /// - Throws: `UsageError` for what is neither `auto` nor a whole number.
    public init(argument text: String) throws {
        if text == "auto" {
            self = .auto
        } else if let count = Int(text), count >= 1 {
            self = .count(count)
        } else {
            throw UsageError("--threads is \(text); it must be auto or a whole number from 1 on")
        }
    }
}

extension ExchangeKind {
    /// - Throws: `UsageError` that lists the kinds.
    public init(argument text: String) throws {
        guard let kind = ExchangeKind(rawValue: text) else {
            let kinds = ExchangeKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError("--exchange is \(text); it must be one of \(kinds)")
        }
        self = kind
    }
}

/// A run that is ready to train: data opened, model and state loaded on every rank.
public final class TrainingRun {
    public let configuration: RunConfiguration
    public let communicator: any Communicator
    let watch: RankWatch
    let datasets: [TaskDataset]
    let planner: StepPlanner
    let source: EncoderSource
    let model: ModelShape
    let replica: Replica
    /// The shards that this rank computes.
    let ownShards: Range<Int>
    let store: CheckpointStore
    let schedule: LearningRateSchedule
    var state: TrainerState
    /// The scores behind the last step, once they are known.
    var devScores: [NamedScores]?
    var testScores: SplitScores?
    /// The rule that weights the tasks against each other, with what it has learned.
    var weighting: any TaskWeighting
    /// Where any step takes the gradient of each task by itself.
    let taskGradients: TaskGradients?
    /// Whether all ranks have agreed to stop.
    var isStopping = false
    /// The checkpoint that the run goes on from.
    public let resumedFrom: Checkpoint?
    /// Of the whole run.
    public let totalSteps: Int
    let options: RunOptions
    private let claim: FolderClaim?
    let placement: RankPlacement

    /// Collective: every rank prepares the same run. What is wrong on any rank, or a stop, is thrown on all, before anything
    /// is trained.
    ///
    /// - Parameter display: is told about phases and warnings, on rank 0.
    public init(_ configuration: RunConfiguration, options: RunOptions, watch: RankWatch, display: any RunObserver)
        throws
    {
        let communicator = watch.communicator
        self.configuration = configuration
        self.communicator = communicator
        self.watch = watch
        self.options = options
        let reporter = RootReporter(isRoot: communicator.rank == 0, observer: display)
        let seed = configuration.seed
        try watch.enter(.loading, step: 0)
        let datasets = try watch.loading("reading the tasks", reporter) {
            try configuration.tasks.map {
                try watch.requireTime()
                return try TaskDataset(TaskDescription($0), seed: seed)
            }
        }
        for dataset in datasets { reporter.droppedRows(dataset) }
        for entry in configuration.tasks {
            for (split, file) in [("dev", entry.dev), ("test", entry.test)] where file == entry.train {
                reporter.warning(
                    "tasks.\(entry.name).\(split) is the file that the task is trained on: its scores say little")
            }
        }
        var (source, precision) = try watch.loading("reading the model", reporter) {
            (
                try EncoderSource(configuration, onProgress: watch.noteProgress),
                try ProductPrecision(configuration.precision)
            )
        }
        source.apply(configuration)
        self.source = source

        let store = CheckpointStore(
            folder: RunFolder(path: configuration.output).checkpointsFolder, keep: configuration.checkpoint.keep,
            operations: FileOperations(before: watch.beforeChanging))
        try watch.loading("looking for checkpoints", reporter) {}
        let identity = sha256(of: configuration.resumeIdentity.utf8)
        var trainingFiles: [TrainerState.TrainingFile] = []
        var warnings: [String] = []
        var claim: FolderClaim?
        let found = try communicator.fromRootRank {
            // Only rank 0 writes states.
            trainingFiles = datasets.map { TrainerState.TrainingFile($0.train) }
            let opened = try RunFolder(path: configuration.output).open(
                configuration, options.resume, store: store, warn: { warnings.append($0) })
            claim = opened.claim
            guard let checkpoint = opened.checkpoint else { return [] }
            var state = try TrainerState(file: checkpoint.file("trainer_state.json"))
            try state.requireTrainingFiles(trainingFiles, of: datasets)
            if options.resume == .auto {
                // A file may name what it likes; only what this run would write is taken from it.
                let known = Set(
                    [CheckpointStore.bestName] + datasets.map { CheckpointStore.bestName(ofTask: $0.name) })
                try store.completeCommit(of: checkpoint, links: (state.links ?? []).filter(known.contains))
            }
            state.links = nil
            return try Array(checkpoint.path.utf8) + [0] + state.json
        }
        self.claim = claim
        warnings.forEach(reporter.warning)
        let saved = try communicator.agreeing { try SavedState(found) }
        if let saved, saved.state.configurationDigest != identity {
            let file = parentFolder(of: parentFolder(of: saved.checkpoint.path)) + "/run.yaml"
            let there = try? RunConfiguration(contentsOf: file)
            let difference = there.flatMap { configuration.firstDifference(from: $0) }
            throw AgreedFailure(
                rank: 0, code: .wrongUsage,
                message: "\(saved.checkpoint) belongs to a run with another configuration"
                    + (difference.map { ": \($0)" } ?? "") + ". Only a run with the same one can go on from it")
        }
        if let saved {
            let counts = [
                ("taskUpdates", saved.state.taskUpdates.count), ("taskProgress", saved.state.taskProgress?.count),
            ]
            if let (name, count) = counts.first(where: { $1 ?? datasets.count != datasets.count }) {
                throw AgreedFailure(
                    rank: 0, code: .badData,
                    message: "\(saved.checkpoint)/trainer_state.json: \(name) has \(count ?? 0) entries, but there are "
                        + "\(datasets.count) tasks")
            }
        }
        resumedFrom = saved?.checkpoint
        self.datasets = datasets
        self.store = store
        model = ModelShape(
            source.configuration,
            tasks: zip(datasets, configuration.tasks).map { dataset, entry in
                ClassificationTask(
                    name: dataset.name, labels: dataset.labelNames, kind: dataset.kind,
                    takesPairs: entry.text.second != nil)
            },
            pooling: configuration.pooling == .mean ? .mean : .firstToken)
        let (model, placement) = (model, try options.placement ?? RankPlacement(communicator))
        self.placement = placement
        let plan = try communicator.agreeing {
            try WorkPlan(
                configuration, datasets, communicator, model, precision, placement, threads: options.threads,
                shardCount: saved?.state.shards)
        }
        for warning in placement.warnings(threads: plan.laneCount, needed: plan.memory.bytes) {
            reporter.warning(warning.description)
        }
        state =
            saved?.state
            ?? TrainerState(
                taskCount: datasets.count, seed: seed, shards: plan.planner.shardCount, configurationDigest: identity)
        state.trainingFiles = trainingFiles.isEmpty ? nil : trainingFiles
        (planner, ownShards) = (plan.planner, plan.ownShards)
        totalSteps = configuration.length.steps(
            examplesPerEpoch: datasets.reduce(0) { $0 + $1.trainingRows.count }, batchSize: configuration.batch.size)
        schedule = configuration.learningRateSchedule(totalSteps: totalSteps)
        weighting = configuration.taskWeighting(datasets, stepsPerEpoch: planner.stepsPerEpoch)
        if let saved {
            do {
                try weighting.restore(saved.state.weighting ?? [])
            } catch {
                throw AgreedFailure(
                    rank: 0, code: .badData, message: "\(saved.checkpoint)/trainer_state.json: weighting \(error)")
            }
        }

        try watch.loading("loading the model", reporter) {}
        try communicator.agreeing { try source.requireRoom(for: model) }
        let fineTuning = try communicator.agreeing { try configuration.fineTuning(datasets, model) }
        replica = try Replica(
            model, watch,
            Replica.Work(
                threads: plan.laneCount, exchange: options.exchange, shardTokens: plan.memory.shardTokens,
                laneShards: ownShards.count / plan.laneCount,
                hasCores: placement.hasCores(threads: plan.laneCount)),
            adamW: configuration.adamW, precision: precision, fineTuning: fineTuning)
        taskGradients =
            configuration.needsTaskGradients
            ? TaskGradients(
                replica.exchange, rank: communicator.rank, taskCount: datasets.count,
                sharedCount: model.layout.sharedCount) : nil
        try loadParameters(reporter)
    }

    var isRoot: Bool { communicator.rank == 0 }

    /// Fills every replica, and every rank's moments, from rank 0's files.
    private func loadParameters(_ reporter: RootReporter) throws {
        let parameters = replica.exchange.parameters
        var notes: [String] = []
        try communicator.agreeing {
            guard isRoot else { return }
            if let resumedFrom {
                let file = resumedFrom.file("model.safetensors")
                try model.loadParameters(
                    from: try SafetensorsFile(file), file: file, as: .checkpoint, into: parameters,
                    note: { notes.append($0) })
            } else if source.folder != nil {
                let weights = try source.weights()
                try model.loadParameters(
                    from: weights.source, file: weights.file,
                    as: .encoder(seed: configuration.seed, heads: source.heads), into: parameters,
                    note: { notes.append($0) })
            } else {
                model.initialize(parameters, seed: configuration.seed)
            }
        }
        notes.forEach(reporter.warning)
        try replica.broadcastParameters()
        if let resumedFrom { try CheckpointContents(self).restoreMoments(from: resumedFrom) }
    }

    /// What the run is, for those who report it.
    public var startEvent: RunEvent.Start {
        RunEvent.Start(
            version: programVersion, model: source.folder ?? "a small random encoder",
            parameterCount: model.layout.parameterCount, precision: configuration.precision.rawValue,
            tasks: datasets.map {
                .init(
                    name: $0.name, labels: $0.labelNames, trainCount: $0.trainingRows.count,
                    devCount: $0.dev?.usableRows.count, testCount: $0.test?.usableRows.count)
            },
            worldSize: communicator.size, threads: replica.lanes.count, machine: placement.description,
            batchSize: configuration.batch.size,
            shards: state.shards, maxLength: configuration.batch.maxLength, totalSteps: totalSteps,
            seed: configuration.seed, output: configuration.output)
    }

    /// Tells the script that started the program, where it asked for it by `MTBERT_START_FILE`, which step the run goes on
    /// from and where its folder is: so it can see afterwards whether another start makes sense.
    public func noteStart() {
        guard let file = ProcessInfo.processInfo.environment["MTBERT_START_FILE"] else { return }
        let step = resumedFrom == nil ? -1 : state.step
        try? "\(step) \(configuration.output)\n".write(toFile: file, atomically: false, encoding: .utf8)
    }

    /// Whether the test files are scored at the end.
    var scoresTestFiles: Bool {
        configuration.evaluation.split == .dev && totalSteps > 0 && datasets.contains { $0.test != nil }
    }

    /// The splits that a resumed run scores again after the step it resumes from.
    public var splitsScoredAgain: [String] {
        (state.evaluationIsDue == true ? [configuration.evaluation.split.rawValue] : [])
            + (isComplete && scoresTestFiles ? ["test", RunEvent.Evaluation.testWithoutExcluded] : [])
            + (configuration.finishing.epochs > 0 ? [RunEvent.Evaluation.testFinished] : [])
    }

    func evaluator(_ split: RunConfiguration.Evaluation.Split) -> Evaluator {
        Evaluator(
            files: datasets.map { split == .dev ? $0.dev : $0.test }, tasks: model.tasks, tokenizer: source.tokenizer,
            maxLength: configuration.batch.maxLength,
            excluded: datasets.map { split == .dev ? [] : $0.testExcludes })
    }
}

/// The version that `--version` prints.
public let programVersion = "0.1.0"

/// Who computes what: the same on every rank but for its own shards.
private struct WorkPlan {
    let planner: StepPlanner
    let ownShards: Range<Int>
    let laneCount: Int
    let memory: MemoryNeed

    /// - Parameter shardCount: of the run that is resumed; nil where the configuration decides.
    init(
        _ configuration: RunConfiguration, _ datasets: [TaskDataset], _ communicator: any Communicator,
        _ model: ModelShape, _ precision: ProductPrecision, _ placement: RankPlacement, threads: ThreadCount,
        shardCount: Int?
    ) throws {
        let layout = try ShardLayout(
            shardCount: try shardCount ?? configuration.batch.shards.count(ranks: communicator.size))
        ownShards = try layout.shards(ofRank: communicator.rank, of: communicator.size)
        let memory = MemoryNeed(
            configuration, model, precision, worldSize: communicator.size, shardCount: layout.shardCount)
        self.memory = memory
        laneCount = try RunConfiguration.lanes(threads, shardsPerRank: ownShards.count) {
            placement.threads(valid: $0, needed: memory.bytes)
        }
        planner = try configuration.planner(datasets, shardCount: layout.shardCount)
    }
}

/// What rank 0 found: a checkpoint and its state.
private struct SavedState {
    let checkpoint: Checkpoint
    let state: TrainerState

    init?(_ bytes: [UInt8]) throws {
        guard let end = bytes.firstIndex(of: 0) else { return nil }
        checkpoint = try Checkpoint(folder: String(decoding: bytes[..<end], as: UTF8.self), mustExist: false)
        state = try JSONDecoder().decode(TrainerState.self, from: Data(bytes[(end + 1)...]))
    }
}
