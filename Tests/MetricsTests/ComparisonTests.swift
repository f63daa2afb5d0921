import Foundation
import Metrics
import Testing

@Suite struct ComparisonTests {
    static let tasks = ["books", "zh"]
    static let seeds: [UInt64] = [1, 2]

    /// One record of a variant: what it got right in each task, with the seed.
    static func record(
        _ variant: String, _ seed: UInt64, _ outcomes: [(task: String, isCorrect: [Bool])], coreSeconds: Double
    ) -> ComparisonRecord {
        let results = outcomes.map { task, isCorrect in
            var confusion = ConfusionCounts(labelCount: 2)
            for isCorrect in isCorrect { confusion.add(actual: 0, predicted: isCorrect ? 0 : 1) }
            return Comparison.TaskResult(
                name: task, trainCount: 10, passes: 3.2,
                scores: TaskScores(
                    count: isCorrect.count, loss: 0.5, accuracy: confusion.accuracy, macroF1: confusion.macroF1,
                    macroRecall: confusion.macroRecall, matthews: 0),
                confusion: confusion, curve: [.init(step: 5, accuracy: 0.25, loss: 0.7)])
        }
        return ComparisonRecord(
            identity: "abc",
            run: .init(
                variant: variant, fraction: "10", seed: seed, task: outcomes.count == 1 ? outcomes[0].task : nil,
                folder: "runs/\(variant)/10/seed-\(seed)", scoredStep: 5, tasks: results,
                lossCurve: [.init(step: 5, loss: 1.5)],
                cost: .init(steps: 5, examples: 30, tokens: 200, coreSeconds: coreSeconds)),
            outcomes: outcomes.map { .init(task: $0.task, examples: ExampleOutcomes($0.isCorrect)) })
    }

    static let records: [ComparisonRecord] = [
        record("single", 1, [("books", [true, false, true, false])], coreSeconds: 1),
        record("single", 1, [("zh", [true, true])], coreSeconds: 2),
        record("single", 2, [("books", [true, true, true, false])], coreSeconds: 1),
        record("single", 2, [("zh", [true, false])], coreSeconds: 2),
        record("joint", 1, [("books", [true, true, true, true]), ("zh", [true, false])], coreSeconds: 2),
        record("joint", 2, [("books", [true, true, true, true]), ("zh", [true, false])], coreSeconds: 2.5),
    ]

    static func summaries() -> [Comparison.Summary] {
        ComparisonSummaries(tasks: tasks, seeds: seeds, records: records, bootstrap: PairedBootstrap(resamples: 200))
            .summaries(
                variants: [
                    .init(name: "single", overrides: [], isSingle: true),
                    .init(name: "joint", overrides: [], isSingle: false),
                ], fractions: [.init(limit: 10)])
    }

    @Test func summary() throws {
        let all = Self.summaries()
        try #require(all.count == 2)
        let (single, joint) = (all[0], all[1])
        #expect(single.tasks.map(\.accuracy) == [0.625, 0.75])
        #expect(single.mean.accuracy == 0.6875)
        // Both seeds' means over the tasks are 0.75 and 0.625.
        #expect(abs(try #require(single.mean.standardDeviation) - 0.125 / 2.0.squareRoot()) < 1e-15)
        #expect(single.tasks.allSatisfy { $0.gain == nil } && single.helpedShare == nil && single.costRatio == 1)
        #expect(single.cost == .init(steps: 20, examples: 120, tokens: 800, coreSeconds: 6))

        #expect(joint.tasks.map(\.name) == Self.tasks && joint.mean.name == "mean")
        #expect(joint.tasks.map(\.accuracy) == [1, 0.5])
        #expect(joint.tasks.map(\.standardDeviation) == [0, 0])
        #expect(joint.tasks.map { $0.gain?.estimate } == [0.375, -0.25])
        #expect(joint.mean.gain?.estimate == 0.0625)
        #expect(joint.costRatio == 0.75)
        #expect(joint.tasks.allSatisfy { $0.gainOverJoint == nil })
        // F1 of the only class there is, and 0 of the other: 4/5 ÷ 2 for three of four, and so on.
        #expect(joint.tasks.map(\.macroF1) == Self.records[4].run.tasks.map { $0.scores[.macroF1] })
        #expect(joint.tasks.map(\.macroF1Deviation) == [0, 0] && single.mean.macroF1Deviation ?? 0 > 0)
        let gain = try #require(joint.mean.gain)
        #expect(gain.lower <= gain.estimate && gain.estimate <= gain.upper)
        let helped = joint.tasks.filter { ($0.gain?.lower ?? 0) > 0 }.count
        #expect(joint.helpedShare == Double(helped) / 2 && joint.harmedShare == 0)
    }

    @Test func againstJoint() throws {
        var records = Self.records
        for (seed, record) in zip(Self.seeds, Self.records.suffix(2)) {
            var other = record
            (other.run.variant, other.run.seed) = ("other", seed)
            other.outcomes[1].examples = ExampleOutcomes([true, true])
            records.append(other)
        }
        let summaries = ComparisonSummaries(
            tasks: Self.tasks, seeds: Self.seeds, records: records, bootstrap: PairedBootstrap(resamples: 200)
        ).summaries(
            variants: [
                .init(name: "joint", overrides: [], isSingle: false),
                .init(name: "other", overrides: [], isSingle: false),
            ],
            fractions: [.init(limit: 10)])
        #expect(summaries[0].mean.gainOverJoint == nil)
        #expect(summaries[1].tasks.map { $0.gainOverJoint?.estimate } == [0, 0.5])
        #expect(summaries[1].mean.gainOverJoint?.estimate == 0.25 && summaries[1].mean.gain?.estimate == 0.3125)
    }

    @Test(arguments: [(Comparison.Fraction(limit: 7), 7, 5), (.init(limit: nil), 40, 5), (.init(percent: 12.5), 5, 1)])
    func sizes(fraction: Comparison.Fraction, ofForty: Int, ofFive: Int) {
        #expect(fraction.size(of: 40) == ofForty && fraction.size(of: 5) == ofFive)
    }

    @Test func without() throws {
        var records = Self.records
        for index in records.indices {
            for task in records[index].outcomes.indices where records[index].outcomes[task].task == "books" {
                records[index].outcomes[task].withoutExcluded = ExampleOutcomes([true, true])
            }
        }
        let summaries = ComparisonSummaries(
            tasks: Self.tasks, seeds: Self.seeds, records: records, bootstrap: PairedBootstrap(resamples: 10),
            isWithoutExcluded: true
        ).summaries(
            variants: [.init(name: "joint", overrides: [], isSingle: false)], fractions: [.init(limit: 10)])
        #expect(summaries.first?.tasks.map(\.accuracy) == [1, 0.5])
        #expect(summaries.first?.tasks.map { $0.gain?.estimate } == [0, -0.25])
    }

    @Test func roundTrip() throws {
        var comparison = Comparison(
            program: "1", model: "m", precision: "fp32", epochs: 3, scoredAt: .best, confidence: 0.95, resamples: 200,
            tasks: Self.tasks.map {
                .init(name: $0, labels: ["a", "b"], trainCount: 10, devCount: nil, testCount: 4, split: "test")
            },
            variants: [.init(name: "joint", overrides: ["a=1"], isSingle: false)],
            fractions: [.init(limit: nil), .init(limit: 10)], seeds: [1, .max], runs: Self.records.map(\.run),
            summaries: Self.summaries())
        #expect(try Comparison(json: try comparison.json()) == comparison)
        let text = String(decoding: try comparison.json(), as: UTF8.self)
        for key in ["scored_at", "macro_f1", "label_count", "core_seconds", "standard_deviation", "loss_curve"] {
            #expect(text.contains("\"\(key)\""))
        }
        comparison.runs[0].lossCurve[0].loss = .infinity
        #expect(try Comparison(json: try comparison.json()) == comparison)
        comparison.version = 2
        #expect(throws: DecodingError.self) { try Comparison(json: try comparison.json()) }
        for record in Self.records {
            #expect(try JSONDecoder().decode(ComparisonRecord.self, from: JSONEncoder().encode(record)) == record)
        }
    }
}
