import DataParallel
import Foundation
import LinearAlgebra
import MPI
import MultiTaskBERT
import Optimization
import TaskData

/// Trains random data of given lengths, with nothing read from disk, to measure the speed of a step.
public struct Benchmark {
    public struct Settings: Sendable {
        /// `bert-base`, `minilm`, `tiny`, or a `config.json`.
        public var model = "minilm"
        /// Of the encoder's matrix products.
        public var precision = RunConfiguration.Precision.fp32
        /// Examples of each rank in a step.
        public var batch = 16
        /// The lengths of the sequences, used one after the other; those of a step are dealt to the shards as `balance` says.
        public var lengths = [128]
        public var steps = 6
        public var warmup = 2
        public var shards = 8
        public var balance = ShardBalance.none
        public var threads = 1
        public var exchange = ExchangeKind.auto

        public init() {}
    }

    /// What was measured; named as the JSON keys.
    public struct Result: Sendable, Codable {
        public var model: String
        public var precision: String
        public var worldSize: Int
        public var threads: Int
        public var batch: Int
        public var shards: Int
        /// Real tokens of all ranks; there are no others.
        public var tokensPerSecond: Double
        /// The median.
        public var stepMilliseconds: Double
        /// Of forward and backward, on average over the lengths.
        public var flopsPerToken: Double
        /// What one thread reaches at most.
        public var peakFlopsPerThread: Double
        /// The share of all threads' peak that the model's own operations reach.
        public var modelFlopsUtilization: Double
        /// Of a step, on rank 0: parts of the passes (thread time), the sum over shards and ranks, and the rest.
        public var seconds: [String: Double]
    }

    private let settings: Settings
    private let watch: RankWatch
    private var communicator: any Communicator { watch.communicator }
    private let model: ModelShape
    private let precision: ProductPrecision

    /// - Throws: `ModelError` or `UsageError`, the same on every rank.
    public init(_ settings: Settings, watch: RankWatch) throws {
        self.settings = settings
        self.watch = watch
        let communicator = watch.communicator
        precision = try communicator.agreeing { try ProductPrecision(settings.precision) }
        model = try communicator.agreeing {
            var configuration = try BERTConfiguration(benchmarked: settings.model)
            configuration.maximumLength = max(configuration.maximumLength, settings.lengths.max() ?? 1)
            guard !settings.lengths.isEmpty, settings.lengths.allSatisfy({ 1...100_000 ~= $0 }) else {
                throw UsageError("lengths must be whole numbers from 1 to 100000, at least one of them")
            }
            let most = 1_000_000
            guard 1...most ~= settings.batch, 1...most ~= settings.steps, 0...most ~= settings.warmup,
                1...4096 ~= settings.shards
            else {
                throw UsageError(
                    "--batch and --steps must be from 1 to \(most), --warmup from 0, --shards from 1 to 4096")
            }
            let valid = try ShardLayout(shardCount: settings.shards).shards(
                ofRank: communicator.rank, of: communicator.size)
            _ = try RunConfiguration.lanes(.count(settings.threads), shardsPerRank: valid.count) { $0[0] }
            return ModelShape(
                configuration,
                tasks: [
                    ClassificationTask(name: "a", labels: ["0", "1"]),
                    ClassificationTask(name: "b", labels: ["0", "1", "2"]),
                ])
        }
    }

    /// Collective. - Returns: the result, on every rank.
    public func run() throws -> Result {
        try watch.enter(.loading, step: 0)
        let replica = try Replica(
            model, watch, try work(), adamW: AdamW.Settings(), precision: precision)
        if communicator.rank == 0 {
            model.initialize(replica.exchange.parameters, seed: 1) { watch.noteProgress() }
        }
        try replica.broadcastParameters()
        let ownPeak = precision == .bfloat16 ? PeakRate.bfloat16() : PeakRate.singlePrecision()
        let peak = try communicator.allGather(ownPeak).reduce(0, +) / Double(communicator.size)
        var (times, clock, tokens, operations) = ([Double](), StepClock(), 0, 0.0)
        var before = replica.lanes.map(\.pass.profile)
        for step in 1...settings.warmup + settings.steps {
            if step == settings.warmup + 1 {
                before = replica.lanes.map(\.pass.profile)
                clock = StepClock()
            }
            let lengths = lengths(ofStep: step)
            try watch.enter(.step, step: step)
            try communicator.barrier()
            let start = Date()
            try train(replica, step, lengths, &clock)
            try communicator.barrier()
            clock.note(\.communication)
            if step > settings.warmup {
                times.append(Date().timeIntervalSince(start))
                tokens += lengths.reduce(0, +)
                operations += lengths.reduce(0) { $0 + model.configuration.trainingOperations(length: $1) }
            }
        }
        let total = times.reduce(0, +)
        let threads = Double(communicator.size * settings.threads)
        return Result(
            model: settings.model, precision: settings.precision.rawValue, worldSize: communicator.size,
            threads: settings.threads, batch: settings.batch,
            shards: settings.shards, tokensPerSecond: Double(tokens) / total,
            stepMilliseconds: 1000 * times.sorted()[times.count / 2], flopsPerToken: operations / Double(tokens),
            peakFlopsPerThread: peak, modelFlopsUtilization: operations / total / (peak * threads),
            seconds: seconds(replica, since: before, clock))
    }

    /// Collective.
    private func work() throws -> Replica.Work {
        let examples = (settings.batch * communicator.size + settings.shards - 1) / settings.shards
        return Replica.Work(
            threads: settings.threads, exchange: settings.exchange,
            shardTokens: examples * (settings.lengths.max() ?? 1),
            laneShards: settings.shards / (communicator.size * settings.threads),
            hasCores: try RankPlacement(communicator).hasCores(threads: settings.threads))
    }

    /// The same operations as a step of `TrainingRun`.
    private func train(_ replica: Replica, _ step: Int, _ lengths: [Int], _ clock: inout StepClock) throws {
        let shards = self.shards(ofStep: step)
        let share = settings.shards / communicator.size
        let own = Array(shards[communicator.rank * share..<(communicator.rank + 1) * share])
        clock.note(\.data)
        let weight = 2 / Double(lengths.count)
        let losses = replica.computeGradients(
            own, weights: [weight, weight], dropoutKey: mixedKey(1, UInt64(step)))
        clock.note(\.backward)
        let message = try replica.sumGradients() + (losses ?? []).joined()
        let all = try communicator.allGather(message)
        let squares = replica.exchange.ranges.inBlockOrder(
            (0..<communicator.size).map { all[$0 * message.count..<($0 + 1) * message.count] })
        let norm = GradientNorm.norm(ofBlockSums: squares)
        clock.note(\.communication)
        var usedWords: [Int32] = []
        if step == settings.warmup {
            // In the midst of a run hardly a word is new: those of the next steps are taken for used before. A hundred steps are
            // enough to use most words once.
            usedWords = (1...min(settings.steps, 100)).flatMap { self.shards(ofStep: step + $0).flatMap(\.tokenIDs) }
        }
        replica.update(
            gradientScale: GradientNorm.clippingScale(norm: norm, maximum: 1), learningRate: 2e-5,
            updates: [step, step, step], usedWords: usedWords)
        clock.note(\.optimizer)
        try replica.publishParameters()
    }

    private func shards(ofStep step: Int) -> [PackedShard] {
        PackedShard.random(
            lengths(ofStep: step), shardCount: settings.shards, vocabularySize: model.configuration.vocabularySize,
            seed: UInt64(step), balance: settings.balance)
    }

    private func lengths(ofStep step: Int) -> [Int] {
        let count = settings.batch * communicator.size
        return (0..<count).map { settings.lengths[((step - 1) * count + $0) % settings.lengths.count] }
    }

    private func seconds(_ replica: Replica, since before: [PassProfile], _ clock: StepClock) -> [String: Double] {
        let steps = Double(settings.steps)
        var parts: [String: Double] = [
            "data": clock.seconds.data / steps, "communication": clock.seconds.communication / steps,
            "optimizer": clock.seconds.optimizer / steps, "passes": clock.seconds.backward / steps,
        ]
        for part in PassProfile.Part.allCases {
            let sum = zip(replica.lanes, before).reduce(0) { $0 + $1.0.pass.profile[part] - $1.1[part] }
            parts[part.rawValue] = sum / steps
        }
        return parts
    }
}

extension BERTConfiguration {
    init(benchmarked name: String) throws {
        switch name {
        case "bert-base": self = .base
        case "minilm": self = .miniLM
        case "tiny": self = .tiny
        default:
            guard name.hasSuffix(".json") else {
                throw UsageError("--model is \(name); it must be bert-base, minilm, tiny or the path of a config.json")
            }
            try self.init(file: name)
        }
    }

    /// Floating-point operations of training one sequence: products with the layers' weights and inside attention, three
    /// times, because the backward pass takes two products for each one of the forward pass. What the last layer does not
    /// compute, since the heads read the first token only, is not counted.
    func trainingOperations(length: Int) -> Double {
        let (hidden, tokens) = (Double(hiddenSize), Double(length))
        // For each token: keys and values; all else with weights; scores and context.
        let keyValue = 2 * 2 * hidden * hidden
        let rest = 2 * (2 * hidden * hidden + 2 * hidden * Double(intermediateSize)) + 4 * tokens * hidden
        return 3 * (Double(layerCount) * tokens * (keyValue + rest) - (tokens - 1) * rest)
    }
}
