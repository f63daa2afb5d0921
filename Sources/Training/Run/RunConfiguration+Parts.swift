import Kernels
import MultiTaskBERT
import Optimization
import TaskData
import Tokenization

/// What the parts of a run are made from.
extension RunConfiguration {
    var adamW: AdamW.Settings {
        AdamW.Settings(
            weightDecay: optimizer.weightDecay, beta1: optimizer.beta1, beta2: optimizer.beta2,
            epsilon: optimizer.epsilon)
    }

    /// - Throws: `UsageError` for what does not fit the model or a task.
    func fineTuning(_ datasets: [TaskDataset], _ model: ModelShape) throws -> FineTuning {
        let layers = model.configuration.layerCount
        guard freeze.layers <= layers else {
            throw UsageError("freeze.layers is \(freeze.layers), but the encoder has only \(layers) layers")
        }
        let targets = try zip(tasks, datasets).map { entry, dataset in
            guard dataset.kind == .singleLabel else {
                guard entry.classWeights == nil else {
                    throw UsageError("tasks.\(entry.name).class_weights is only for tasks of the kind single_label")
                }
                return LabelTargets()
            }
            let labels = dataset.labelNames.count
            var counts = [Int](repeating: 0, count: labels)
            for place in 0..<dataset.trainingRows.count {
                counts[dataset.train.label(ofRow: dataset.trainingRows[place])] += 1
            }
            let weights = entry.classWeights?.values(counts) ?? []
            guard weights.isEmpty || weights.count == labels else {
                throw UsageError(
                    "tasks.\(entry.name).class_weights has \(weights.count) numbers, but the task has \(labels) labels")
            }
            return LabelTargets(smoothing: regularization.labelSmoothing, classWeights: weights)
        }
        return FineTuning(
            targets: targets, adversarialNorm: regularization.adversarial,
            frozenDepth: freeze.layers > 0 ? freeze.layers : freeze.embeddings ? 0 : -1,
            layerDecay: optimizer.layerDecay)
    }

    func learningRateSchedule(totalSteps: Int) -> LearningRateSchedule {
        let kind: LearningRateSchedule.Kind =
            switch schedule.kind {
            case .linear: .linear
            case .constant: .constant
            case .cosine: .cosine
            }
        return LearningRateSchedule(
            kind: kind, peak: optimizer.learningRate, warmupSteps: schedule.warmup.steps(of: totalSteps),
            totalSteps: totalSteps)
    }

    /// The model's name, for people.
    var modelTitle: String {
        switch model {
        case .folder(let name), .hub(let name): name
        case nil: "a small random encoder"
        }
    }

    var truncation: Truncation { batch.truncation == .head ? .head : .headAndTail }

    /// - Throws: `UsageError` where texts could have more tokens, or more token types, than the encoder knows.
    func requireFit(in encoder: BERTConfiguration) throws {
        if batch.maxLength > encoder.maximumLength {
            throw UsageError(
                "batch.max_length is \(batch.maxLength), but the model has only \(encoder.maximumLength) positions")
        }
        if let task = tasks.first(where: { $0.text.second != nil }), encoder.tokenTypeCount < 2 {
            throw UsageError(
                "tasks.\(task.name).text names two columns, but the model has only one token type (type_vocab_size) "
                    + "and takes no pairs")
        }
    }

    /// The number of lanes of a rank.
    ///
    /// - Parameter automatic: chooses one of the valid numbers, which ascend.
    /// - Throws: `UsageError` that lists the valid numbers.
    static func lanes(_ threads: ThreadCount, shardsPerRank: Int, automatic: ([Int]) -> Int) throws -> Int {
        let valid = try ShardLayout(shardCount: shardsPerRank).validRankCounts
        guard case .count(let threads) = threads else { return automatic(valid) }
        guard valid.contains(threads) else {
            let list = valid.map(String.init).joined(separator: ", ")
            throw UsageError(
                "--threads \(threads) cannot share the \(shardsPerRank) shards of a rank evenly; valid are \(list)")
        }
        return threads
    }
}

extension RunConfiguration {
    /// How often each task is drawn.
    ///
    /// - Parameter examplesPerEpoch: of all tasks together.
    /// - Throws: `StepPlanError`.
    func samplingStrategy(examplesPerEpoch: Int) throws -> any SamplingStrategy {
        let base: any SamplingStrategy =
            switch sampling.strategy {
            case .proportional: ProportionalSampling()
            case .uniform: UniformSampling()
            case .temperature: try TemperatureSampling(temperature: sampling.temperature)
            case .annealed:
                AnnealedSampling(epochs: wholeEpochs(of: examplesPerEpoch), slotsPerEpoch: examplesPerEpoch)
            }
        let caps = tasks.map(\.cap)
        return caps.contains { $0 != nil } ? CappedSampling(base, caps: caps) : base
    }

    /// The last one begun included.
    private func wholeEpochs(of examplesPerEpoch: Int) -> Int {
        let slots = length.steps(examplesPerEpoch: examplesPerEpoch, batchSize: batch.size) * batch.size
        return switch length {
        case .epochs(let epochs): max(1, Int(epochs.rounded(.up)))
        case .steps: max(1, (slots + examplesPerEpoch - 1) / examplesPerEpoch)
        }
    }

    /// Makes the plans of a run's steps.
    ///
    /// - Throws: `StepPlanError`.
    func planner(_ datasets: [TaskDataset], shardCount: Int) throws -> StepPlanner {
        let tasks = datasets.map { PlannedTask($0) }
        return try StepPlanner(
            seed: seed, tasks: tasks, batchSize: batch.size, shardCount: shardCount,
            sampling: try samplingStrategy(examplesPerEpoch: tasks.reduce(0) { $0 + $1.rows.count }),
            reduction: weighting.lossReduction)
    }
}

extension RunConfiguration.Weighting {
    var lossReduction: LossReduction { reduction == .taskMean ? .taskMean : .exampleMean }
}

extension Shards {
    /// - Throws: `StepPlanError` where there is no rank.
    func count(ranks: Int) throws -> Int {
        switch self {
        case .auto: try ShardLayout(automaticFor: ranks).shardCount
        case .count(let count): count
        }
    }
}

extension RunConfiguration.TaskEntry {
    var taskKind: TaskKind {
        switch kind {
        case .singleLabel: .singleLabel
        case .multiLabel: .multiLabel
        case .regression: .regression
        }
    }
}

extension TaskDescription {
    /// A task as the configuration describes it.
    init(_ entry: RunConfiguration.TaskEntry) throws {
        self.init(
            name: entry.name, train: try TaskSource(entry.train), dev: try entry.dev.map { try TaskSource($0) },
            test: try entry.test.map { try TaskSource($0) },
            testExcludes: entry.testExcludes.flatMap { if case .file(let path) = $0 { path } else { nil } },
            columns: TaskColumns(
                text: [entry.text.first] + (entry.text.second.map { [$0] } ?? []), label: entry.label,
                kind: entry.taskKind, labelSeparator: entry.labelSeparator.utf8.first ?? UInt8(ascii: ",")),
            labels: entry.labels, weight: entry.weight, limit: entry.limit,
            onBadRow: entry.badRows == .fail ? .fail : .skip)
    }
}

extension TaskSource {
    /// A file, or a part of the corpus inside the program, named `TASK/SPLIT`.
    init(_ location: DataLocation) throws {
        switch location {
        case .file(let path): self = .path(path)
        case .embedded(let name):
            let parts = name.split(separator: "/").map(String.init)
            guard parts.count == 2, let split = DemonstrationCorpus.Split(rawValue: parts[1]),
                let task = DemonstrationCorpus.tasks().first(where: { $0.name == parts[0] }),
                let contents = task.splits[split]
            else {
                let names = DemonstrationCorpus.tasks().map(\.name).joined(separator: ", ")
                throw UsageError("there is no embedded:\(name); the tasks are \(names), each with train, dev and test")
            }
            self = .contents(contents, format: .tsv, name: "embedded:\(name)")
        }
    }
}

extension EncoderSource {
    /// The encoder that a configuration asks for.
    ///
    /// - Parameter onProgress: called every second while a model is fetched.
    init(_ configuration: RunConfiguration, onProgress: () -> Void = {}) throws {
        switch configuration.model {
        case .folder(let path): try self.init(folder: path)
        case .hub(let identifier): try self.init(folder: try HubCache().folder(of: identifier, onProgress: onProgress))
        case nil:
            try self.init(
                randomWith: try Vocabulary(tokens: DemonstrationCorpus.vocabulary()),
                maximumLength: configuration.batch.maxLength)
        }
        try configuration.requireFit(in: self.configuration)
    }

    /// Lays the configuration's truncation and dropout over the model's own.
    mutating func apply(_ run: RunConfiguration) {
        tokenizer.truncation = run.truncation
        guard let dropout = run.dropout.map({ Float($0) }) else { return }
        (configuration.hiddenDropout, configuration.attentionDropout) = (dropout, dropout)
        configuration.classifierDropout = dropout
    }
}
