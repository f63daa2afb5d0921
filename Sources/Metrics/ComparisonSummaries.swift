/// Makes summaries out of the records of all runs.
public struct ComparisonSummaries {
    private let tasks: [String]
    private let seeds: [UInt64]
    private let records: [ComparisonRecord]
    private let bootstrap: PairedBootstrap
    private let isWithoutExcluded: Bool

    /// - Parameters:
    ///   - tasks: names, in the order of the rows.
    ///   - records: of every variant, fraction and seed, with all tasks between them.
    ///   - isWithoutExcluded: whether to leave out the test rows that `test_excludes` names.
    public init(
        tasks: [String], seeds: [UInt64], records: [ComparisonRecord], bootstrap: PairedBootstrap,
        isWithoutExcluded: Bool = false
    ) {
        self.tasks = tasks
        self.seeds = seeds
        self.records = records
        self.bootstrap = bootstrap
        self.isWithoutExcluded = isWithoutExcluded
    }

    /// Fractions outermost.
    public func summaries(
        variants: [Comparison.Variant], fractions: [Comparison.Fraction]
    ) -> [Comparison.Summary] {
        fractions.flatMap { fraction in
            variants.map { summary(variant: $0.name, fraction: fraction.name) }
        }
    }

    private func summary(variant: String, fraction: String) -> Comparison.Summary {
        let baseline = Comparison.Variant.singleName
        let own = outcomes(variant, fraction)
        let cost = cost(variant, fraction)
        guard variant != baseline else {
            return rows(own, gains: nil, variant, fraction, cost, ratio: 1)
        }
        let others = outcomes(baseline, fraction)
        let gains = bootstrap.gains(
            zip(own, others).map { own, other in zip(own, other).map { (outcomes: $0, baseline: $1) } })
        let whole = self.cost(baseline, fraction).coreSeconds
        return rows(
            own, gains: gains, variant, fraction, cost, ratio: whole > 0 ? cost.coreSeconds / whole : nil)
    }

    private func rows(
        _ outcomes: [[ExampleOutcomes]], gains: (tasks: [Comparison.Interval], mean: Comparison.Interval)?,
        _ variant: String, _ fraction: String, _ cost: Comparison.Cost, ratio: Double?
    ) -> Comparison.Summary {
        let scores = outcomes.map { $0.map(\.accuracy) }
        let means = seeds.indices.map { seed in mean(scores.map { $0[seed] }) }
        func row(_ name: String, _ scores: [Double], _ gain: Comparison.Interval?) -> Comparison.SummaryRow {
            .init(
                name: name, accuracy: mean(scores), standardDeviation: sampleStandardDeviation(scores), gain: gain)
        }
        func share(_ holds: (Comparison.Interval) -> Bool) -> Double? {
            gains.map { Double($0.tasks.count(where: holds)) / Double(tasks.count) }
        }
        return Comparison.Summary(
            variant: variant, fraction: fraction,
            tasks: tasks.indices.map { row(tasks[$0], scores[$0], gains?.tasks[$0]) },
            mean: row("mean", means, gains?.mean), helpedShare: share { $0.lower > 0 },
            harmedShare: share { $0.upper < 0 }, cost: cost, costRatio: ratio,
            gradientCosines: gradientCosines(variant, fraction))
    }

    /// On average over the seeds; nil where a run has none.
    private func gradientCosines(_ variant: String, _ fraction: String) -> [[Double]]? {
        let all = records.filter { $0.run.variant == variant && $0.run.fraction == fraction }.map(\.run.gradientCosines)
        let known = all.compactMap { $0 }.filter { $0.count == tasks.count }
        guard !known.isEmpty, known.count == all.count else { return nil }
        return tasks.indices.map { row in
            tasks.indices.map { column in mean(known.map { $0[row][column] }) }
        }
    }

    /// [task][seed]
    private func outcomes(_ variant: String, _ fraction: String) -> [[ExampleOutcomes]] {
        tasks.map { task in
            seeds.map { seed in
                let found = records.lazy.filter { record in
                    record.run.variant == variant && record.run.fraction == fraction && record.run.seed == seed
                }.flatMap(\.outcomes).first { $0.task == task }
                guard let found else { preconditionFailure("\(variant), \(fraction), \(seed) has no task \(task)") }
                return isWithoutExcluded ? found.withoutExcluded ?? found.examples : found.examples
            }
        }
    }

    private func cost(_ variant: String, _ fraction: String) -> Comparison.Cost {
        records.filter { $0.run.variant == variant && $0.run.fraction == fraction }.map(\.run.cost)
            .reduce(Comparison.Cost(), +)
    }
}
