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
        fractions.flatMap { fraction in variants.map { summary($0, fraction.name) } }
    }

    /// What one way to train gave at one training size.
    private struct Found {
        /// [task][seed]
        let outcomes: [[ExampleOutcomes]]
        let macroF1: [[Double]]
    }

    private typealias Gains = (tasks: [Comparison.Interval], mean: Comparison.Interval)

    private func summary(_ variant: Comparison.Variant, _ fraction: String) -> Comparison.Summary {
        let (single, joint) = (Comparison.Variant.singleName, Comparison.Variant.jointName)
        let own = found(variant.name, fraction)
        let gains = variant.name == single ? nil : gains(own, over: single, fraction)
        let isOther = variant.name != joint && !variant.isSingle
        let overJoint = isOther ? self.gains(own, over: joint, fraction) : nil
        let scores = own.outcomes.map { $0.map(\.accuracy) }
        func row(
            _ name: String, _ scores: [Double], _ macroF1: [Double], _ gain: (Gains) -> Comparison.Interval
        ) -> Comparison.SummaryRow {
            let isKnown = macroF1.allSatisfy(\.isFinite)
            return .init(
                name: name, accuracy: mean(scores), standardDeviation: sampleStandardDeviation(scores),
                macroF1: isKnown ? mean(macroF1) : nil,
                macroF1Deviation: isKnown ? sampleStandardDeviation(macroF1) : nil, gain: gains.map(gain),
                gainOverJoint: overJoint.map(gain))
        }
        func share(_ holds: (Comparison.Interval) -> Bool) -> Double? {
            gains.map { Double($0.tasks.count(where: holds)) / Double(tasks.count) }
        }
        let cost = cost(variant.name, fraction)
        let whole = self.cost(single, fraction).coreSeconds
        return Comparison.Summary(
            variant: variant.name, fraction: fraction,
            tasks: tasks.indices.map { task in row(tasks[task], scores[task], own.macroF1[task]) { $0.tasks[task] } },
            mean: row("mean", meansOverTasks(scores), meansOverTasks(own.macroF1)) { $0.mean },
            helpedShare: share { $0.lower > 0 }, harmedShare: share { $0.upper < 0 }, cost: cost,
            costRatio: variant.name == single ? 1 : whole > 0 ? cost.coreSeconds / whole : nil,
            gradientCosines: gradientCosines(variant.name, fraction))
    }

    /// [seed], from [task][seed]
    private func meansOverTasks(_ scores: [[Double]]) -> [Double] {
        seeds.indices.map { seed in mean(scores.map { $0[seed] }) }
    }

    private func gains(_ own: Found, over baseline: String, _ fraction: String) -> Gains {
        bootstrap.gains(
            zip(own.outcomes, found(baseline, fraction).outcomes).map { own, other in
                zip(own, other).map { (outcomes: $0, baseline: $1) }
            })
    }

    private func found(_ variant: String, _ fraction: String) -> Found {
        let all = tasks.map { task in
            seeds.map { seed -> (ExampleOutcomes, Double) in
                let record = records.first { record in
                    record.run.variant == variant && record.run.fraction == fraction && record.run.seed == seed
                        && record.outcomes.contains { $0.task == task }
                }
                guard let record, let outcomes = record.outcomes.first(where: { $0.task == task }),
                    let result = record.run.tasks.first(where: { $0.name == task })
                else { preconditionFailure("\(variant), \(fraction), \(seed) has no task \(task)") }
                return isWithoutExcluded
                    ? (
                        outcomes.withoutExcluded ?? outcomes.examples,
                        (result.scoresWithoutExcluded ?? result.scores)[.macroF1]
                    ) : (outcomes.examples, result.scores[.macroF1])
            }
        }
        return Found(outcomes: all.map { $0.map(\.0) }, macroF1: all.map { $0.map(\.1) })
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

    private func cost(_ variant: String, _ fraction: String) -> Comparison.Cost {
        records.filter { $0.run.variant == variant && $0.run.fraction == fraction }.map(\.run.cost)
            .reduce(Comparison.Cost(), +)
    }
}
