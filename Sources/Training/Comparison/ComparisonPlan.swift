import Checkpoints
import Metrics
import TaskData

/// One training of a comparison.
package struct PlannedRun: Sendable {
    package let variant: Comparison.Variant
    package let fraction: Comparison.Fraction
    package let seed: UInt64
    /// The only task; nil where all are trained together.
    package let task: String?
    package let configuration: RunConfiguration
    /// SHA-256 of each file of its tasks.
    let fileDigests: [String]
    /// An estimate of the work, in tokens that are trained.
    package let work: Double

    /// Relative to that of the comparison.
    package var folder: String { Self.folder(variant.name, fraction, seed, task) }

    static func folder(_ variant: String, _ fraction: Comparison.Fraction, _ seed: UInt64, _ task: String?) -> String {
        "runs/\(variant)/\(fraction.name)/seed-\(seed)" + (task.map { "/\($0)" } ?? "")
    }

    /// Canonical shards of a step: the same on any number of ranks.
    package var shardCount: Int {
        if case .count(let count) = configuration.batch.shards { count } else { 8 }
    }

    /// Such as `single books, 100 examples, seed 2`.
    package var title: String {
        "\(variant.name)\(task.map { " \($0)" } ?? ""), \(fraction.title), seed \(seed)"
    }
}

/// Everything that a comparison trains, found out before anything is trained.
package struct ComparisonPlan: Sendable {
    /// The configuration as it is; its output is the folder of the comparison.
    package let base: RunConfiguration
    package let variants: [Comparison.Variant]
    package let fractions: [Comparison.Fraction]
    package let seeds: [UInt64]
    package let datasets: [TaskDataset]
    /// Fractions outermost, then variants, seeds and tasks.
    package let runs: [PlannedRun]

    var epochs: Double {
        if case .epochs(let epochs) = base.length { epochs } else { 0 }
    }

    /// - Throws: `ConfigurationError`, `UsageError` or what is wrong with the data.
    package init(_ settings: ComparisonSettings) throws {
        let base = try settings.configuration()
        let compare = base.compare
        let own = (settings.variants ?? compare.variants).map {
            Comparison.Variant(name: $0.name, overrides: $0.set, isSingle: $0.single)
        }
        if let name = Dictionary(grouping: own, by: \.name).first(where: { $1.count > 1 })?.key {
            throw UsageError("two variants are called \(name); each needs a name of its own")
        }
        variants =
            [
                Comparison.Variant(name: Comparison.Variant.singleName, overrides: [], isSingle: true),
                Comparison.Variant(name: Comparison.Variant.jointName, overrides: [], isSingle: false),
            ] + own
        seeds = settings.seeds ?? compare.seeds
        fractions = (settings.fractions ?? compare.fractions).map { fraction in
            switch fraction {
            case .all: Comparison.Fraction(limit: nil)
            case .count(let count): Comparison.Fraction(limit: count)
            case .percent(let percent): Comparison.Fraction(percent: percent)
            }
        }
        self.base = base
        let configurations = try variants.map { variant in
            try Self.requireComparable(variant, base, settings)
        }
        datasets = try base.tasks.map { try TaskDataset(TaskDescription($0), seed: base.seed) }
        try Self.requireScores(base, settings)
        let lengths = datasets.map { $0.train.meanByteCount() }
        let digests = datasets.map { dataset in
            [dataset.train, dataset.dev, dataset.test].map { $0?.withContents { sha256(of: $0) } ?? "none" }
        }
        runs = fractions.flatMap { [variants, seeds, datasets] fraction in
            let limits = datasets.map { dataset in
                fraction.percent == nil ? fraction.limit : fraction.size(of: dataset.trainingRows.count)
            }
            return zip(variants, configurations).flatMap { variant, configuration in
                seeds.flatMap { seed -> [PlannedRun] in
                    let places = variant.isSingle ? datasets.indices.map { [$0] } : [Array(datasets.indices)]
                    return places.map { tasks in
                        let task = variant.isSingle ? base.tasks[tasks[0]].name : nil
                        let configuration = configuration.of(
                            tasks, limits: limits, seed: seed,
                            output: "\(base.output)/" + PlannedRun.folder(variant.name, fraction, seed, task))
                        return PlannedRun(
                            variant: variant, fraction: fraction, seed: seed, task: task, configuration: configuration,
                            fileDigests: tasks.flatMap { digests[$0] },
                            work: configuration.work(tasks.map { (datasets[$0], lengths[$0]) }))
                    }
                }
            }
        }
    }

    /// The configuration of a variant.
    ///
    /// - Throws: where it cannot be read, or would not be held against the same examples by the same measure.
    private static func requireComparable(
        _ variant: Comparison.Variant, _ base: RunConfiguration, _ settings: ComparisonSettings
    ) throws -> RunConfiguration {
        let configuration: RunConfiguration
        do {
            configuration = try settings.configuration(overrides: variant.overrides)
        } catch let error as ConfigurationError {
            throw ConfigurationError(
                error.problems.map { problem in
                    let source = "variant \(variant.name): \(problem.source)"
                    return .init(source: source, line: problem.line, message: problem.message)
                })
        }
        if case .steps(let steps) = configuration.length {
            throw UsageError(
                "steps is \(steps): with a number of steps, training a task alone would pass over its examples more often "
                    + "than training all together does, and the comparison would not be fair. Say with epochs how often "
                    + "every example shall be seen, as by --set epochs=3")
        }
        if settings.scoredAt == .best, configuration.finishing.epochs > 0 {
            throw UsageError(
                "variant \(variant.name) has a finishing phase, which starts from the last step: score it there, without "
                    + "--score-at best")
        }
        var same = configuration
        for task in same.tasks.indices where base.tasks.indices.contains(task) {
            (same.tasks[task].weight, same.tasks[task].cap) = (base.tasks[task].weight, base.tasks[task].cap)
        }
        guard same.tasks == base.tasks, configuration.seed == base.seed, configuration.output == base.output,
            configuration.compare == base.compare, configuration.evaluation.split == base.evaluation.split
        else {
            throw UsageError(
                "variant \(variant.name) changes tasks, seed, output, evaluation.split or compare itself: every variant is "
                    + "trained and scored on the same examples, so of a task it may change weight and cap only")
        }
        return configuration
    }

    private static func requireScores(_ base: RunConfiguration, _ settings: ComparisonSettings) throws {
        for task in base.tasks where task.test == nil && task.dev == nil {
            throw UsageError("task \(task.name) has neither a test nor a dev file: there is nothing to compare it by")
        }
        if let task = base.tasks.first(where: { $0.kind == .regression }) {
            throw UsageError(
                "task \(task.name) has numbers for labels; compare counts which examples are right, and so takes tasks with "
                    + "labels only")
        }
        guard settings.scoredAt == .best else { return }
        if base.evaluation.split == .test {
            throw UsageError("--score-at best would choose by the test files (evaluation.split is test); use dev")
        }
        if let task = base.tasks.first(where: { $0.dev == nil }) {
            throw UsageError("--score-at best chooses by the dev files, and task \(task.name) has none")
        }
    }
}

extension RunConfiguration {
    /// The configuration of one run of a comparison.
    ///
    /// - Parameters:
    ///   - places: of the tasks that are trained.
    ///   - limits: of all tasks; nil for a task's own.
    fileprivate func of(_ places: [Int], limits: [Int?], seed: UInt64, output: String) -> RunConfiguration {
        var run = self
        run.tasks = places.map { place in
            var task = tasks[place]
            task.limit = limits[place] ?? task.limit
            return task
        }
        (run.seed, run.output, run.compare) = (seed, output, Compare())
        // What suits the ranks that happen to train a run would decide its result.
        if run.batch.shards == .auto { run.batch.shards = .count(8) }
        // Alone, a task's score is the mean over tasks.
        if run.tasks.count < tasks.count { run.evaluation.best.task = nil }
        return run
    }

    /// An estimate of the run's work in tokens that are trained; a token that is only scored takes a third.
    fileprivate func work(_ tasks: [(dataset: TaskDataset, byteCount: Double)]) -> Double {
        guard case .epochs(let epochs) = length else { return 0 }
        let counts = zip(self.tasks, tasks).map { min($0.limit ?? .max, $1.dataset.train.usableRows.count) }
        // Finding where to move a text takes half a pass, without gradients of weights; then the text is run twice.
        let passes = (epochs + finishing.epochs) * (regularization.adversarial > 0 ? 2.5 : 1)
        let steps = length.steps(examplesPerEpoch: counts.reduce(0, +), batchSize: batch.size)
        let evaluations = 1 + (evaluation.every > 0 ? steps / evaluation.every : 0)
        return zip(counts, tasks).reduce(0) { sum, task in
            let (count, (dataset, byteCount)) = task
            // Two special tokens, and words of four letters or so.
            let length = min(Double(batch.maxLength), 2 + byteCount / 4)
            let scored = (dataset.dev?.usableRows.count ?? 0) * evaluations + (dataset.test?.usableRows.count ?? 0)
            return sum + length * (passes * Double(count) + Double(scored) / 3)
        }
    }
}

extension TaskFile {
    /// The mean length of the texts, from a few of them.
    fileprivate func meanByteCount() -> Double {
        let count = min(256, usableRows.count)
        var scratch: [UInt8] = []
        let sum = (0..<count).reduce(0) { sum, place in
            sum
                + withText(ofRow: usableRows[place * usableRows.count / count], scratch: &scratch) { first, second in
                    first.count + (second?.count ?? 0)
                }
        }
        return Double(sum) / Double(count)
    }
}
