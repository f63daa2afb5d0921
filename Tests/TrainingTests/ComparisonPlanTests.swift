import Foundation
import Metrics
import Testing
import Training

/// What a comparison trains, before anything is.
@Suite struct ComparisonPlanTests {
    /// A folder with two small tasks; `more` is added to the configuration.
    private static func settings(_ folder: String, _ more: String = "") throws -> ComparisonSettings {
        for (name, rows) in [("books", 10), ("zh", 4)] {
            for split in ["train", "dev", "test"] {
                let text = "text\tlabel\n" + (0..<rows).map { "word \($0)\t\($0 % 2)\n" }.joined()
                try text.write(toFile: "\(folder)/\(name).\(split).tsv", atomically: true, encoding: .utf8)
            }
        }
        let yaml = """
            tasks:
              - {name: books, train: books.train.tsv, dev: books.dev.tsv, test: books.test.tsv, limit: 8}
              - {name: zh, train: zh.train.tsv, dev: zh.dev.tsv}
            batch: {size: 4, shards: auto}
            epochs: 2
            evaluation: {best: zh.accuracy}
            \(more)
            """
        try yaml.write(toFile: folder + "/run.yaml", atomically: true, encoding: .utf8)
        var settings = ComparisonSettings()
        settings.configurationFile = folder + "/run.yaml"
        settings.overrides = ["output=\(folder)/out"]
        settings.seeds = [5, 6]
        settings.fractions = [.count(3), .all]
        settings.variants = [
            .init(name: "even", set: ["sampling.strategy=uniform", "checkpoint.every=7"], single: false),
            .init(name: "slow", set: ["optimizer.learning_rate=1.0e-6"], single: true),
        ]
        return settings
    }

    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "plan-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test func everyRunIsResolved() throws {
        try Self.withFolder { folder in
            let plan = try ComparisonPlan(try Self.settings(folder))
            // Two sizes and seeds of: both tasks alone, together, together, both alone.
            #expect(plan.runs.count == 2 * 2 * (2 + 1 + 1 + 2))
            #expect(plan.variants.map(\.name) == ["single", "joint", "even", "slow"])
            #expect(plan.variants.map(\.isSingle) == [true, false, false, true])
            #expect(Set(plan.runs.map(\.folder)).count == plan.runs.count)
            #expect(plan.runs[0].folder == "runs/single/3/seed-5/books")
            #expect(plan.runs[0].title == "single books, 3 examples, seed 5")
            for run in plan.runs {
                let own = run.configuration
                #expect(own.output == "\(folder)/out/\(run.folder)" && own.seed == run.seed)
                #expect(own.length == .epochs(2) && own.batch.size == 4, "equal budgets")
                #expect(own.batch.shards == .count(8) && run.shardCount == 8)
                #expect(own.tasks.map(\.name) == (run.task.map { [$0] } ?? ["books", "zh"]))
                let all: [String: Int?] = ["books": 8, "zh": nil]
                #expect(own.tasks.allSatisfy { $0.limit == (run.fraction.limit ?? all[$0.name] ?? nil) })
                #expect(own.evaluation.best.task == (run.task == nil ? "zh" : nil))
                #expect(own.optimizer.learningRate == (run.variant.name == "slow" ? 1e-6 : 2e-5))
                #expect(own.sampling.strategy == (run.variant.name == "even" ? .uniform : .proportional))
                #expect(own.checkpoint.every == (run.variant.name == "even" ? 7 : 0) && own.checkpoint.keep == 1)
            }
        }
    }

    @Test func aShareIsOfWhatTheTaskHas() throws {
        try Self.withFolder { folder in
            var settings = try Self.settings(folder)
            settings.fractions = [.percent(25)]
            let plan = try ComparisonPlan(settings)
            #expect(plan.runs[0].folder == "runs/single/25%/seed-5/books")
            #expect(plan.runs[0].title == "single books, 25% of the examples, seed 5")
            let joint = try #require(plan.runs.first { $0.task == nil }).configuration
            // The configuration limits the first task to 8.
            let zh = try #require(plan.datasets.last).trainingRows.count
            #expect(joint.tasks.map(\.limit) == [2, Int((Double(zh) / 4).rounded())])
        }
    }

    @Test func workKnowsOfFurtherPassesAndOfTheFinish() throws {
        try Self.withFolder { folder in
            var settings = try Self.settings(folder)
            settings.variants = [
                .init(name: "moved", set: ["regularization.adversarial=0.2"], single: false),
                .init(name: "long", set: ["epochs=4"], single: false),
                .init(name: "finish", set: ["finishing.epochs=2"], single: false),
            ]
            let plan = try ComparisonPlan(settings)
            func work(_ variant: String) throws -> Double {
                try #require(
                    plan.runs.first { $0.variant.name == variant && $0.fraction.name == "all" && $0.task == nil }
                )
                .work
            }
            #expect(try work("moved") > 2 * work("joint"))
            #expect(try work("finish") == work("long"), "as many epochs again")
        }
    }

    /// Dealt out by the work to be expected: more examples, more work.
    @Test func workIsEstimated() throws {
        try Self.withFolder { folder in
            let plan = try ComparisonPlan(try Self.settings(folder))
            func work(_ variant: String, _ fraction: String, _ task: String?) throws -> Double {
                try #require(
                    plan.runs.first {
                        $0.variant.name == variant && $0.fraction.name == fraction && $0.task == task
                    }
                ).work
            }
            let joint = try work("joint", "all", nil)
            #expect(try abs(joint - work("single", "all", "books") - work("single", "all", "zh")) < 1e-9)
            #expect(try work("joint", "3", nil) < joint)
            #expect(try work("single", "all", "zh") < work("single", "all", "books"))
        }
    }

    @Test func theConfigurationsOwnSection() throws {
        try Self.withFolder { folder in
            var settings = try Self.settings(
                folder,
                "compare: {seeds: [9], fractions: [2], variants: [{name: x, set: [dropout=0.5, batch.size=2]}]}")
            (settings.seeds, settings.fractions, settings.variants) = (nil, nil, nil)
            let plan = try ComparisonPlan(settings)
            #expect(plan.seeds == [9] && plan.fractions.map(\.name) == ["2"] && plan.runs.count == 4)
            let variant = try #require(plan.runs.first { $0.variant.name == "x" })
            #expect(variant.configuration.dropout == 0.5 && variant.configuration.batch.size == 2)
            #expect(variant.configuration.compare == .init())
        }
    }

    @Test func whatIsWrongIsSaid() throws {
        try Self.withFolder { folder in
            func message(_ change: (inout ComparisonSettings) -> Void) -> String {
                do {
                    var settings = try Self.settings(folder)
                    change(&settings)
                    _ = try ComparisonPlan(settings)
                    return ""
                } catch {
                    return "\(error)"
                }
            }
            func variant(_ overrides: String...) -> String {
                message { $0.variants = [.init(name: "v", set: overrides, single: false)] }
            }
            #expect(message { _ in } == "")
            #expect(message { $0.overrides.append("steps=3") }.contains("steps is 3: with a number of steps"))
            #expect(variant("steps=3").contains("steps is 3"))
            #expect(variant("batch.sise=3").hasPrefix("variant v: --set batch.sise=3: unknown key batch.sise"))
            for change in [
                "seed=1", "output=x", "tasks.zh.limit=1", "tasks.zh.test=\(folder)/zh.test.tsv", "compare.seeds=[1]",
                "tasks.zh.dev=\(folder)/zh.test.tsv",
            ] {
                #expect(variant(change).contains("variant v changes"), "\(change)")
            }
            #expect(variant("tasks.zh.weight=0.5", "epochs=5") == "")
            let twice = RunConfiguration.Variant(name: "v", set: ["dropout=0"], single: false)
            #expect(
                message { $0.variants = [twice, twice] }
                    == "two variants are called v; each needs a name of its own")
            #expect(
                message {
                    $0.scoredAt = .best
                    $0.overrides.append("evaluation.split=test")
                    $0.overrides.append("evaluation.best=mean.accuracy")
                }.contains("would choose by the test files"))
            #expect(
                message {
                    $0.overrides += ["tasks.zh.dev=", "evaluation.best=mean.accuracy"]
                }.contains("task zh has neither a test nor a dev file"))
            #expect(
                message {
                    $0.scoredAt = .best
                    $0.overrides += ["tasks.books.dev=", "evaluation.best=mean.accuracy"]
                }.contains("task books has none"))
        }
    }

    @Test(arguments: [
        (1, 20, [8], 1), (2, 20, [8], 1), (8, 8, [8], 1), (8, 7, [8], 1), (8, 4, [8], 2), (8, 3, [8], 2),
        (8, 1, [8], 8),
        (6, 1, [8], 4), (6, 2, [8], 2), (6, 1, [24], 6), (8, 1, [8, 24], 1), (8, 0, [8], 8), (3, 1, [24, 12], 3),
    ]) func groups(ranks: Int, runs: Int, shards: [Int], expected: Int) {
        #expect(ComparisonPlan.groupSize(ranks: ranks, runs: runs, shardCounts: Set(shards)) == expected)
    }

    @Test func arguments() throws {
        #expect(try ComparisonSettings.seeds(argument: "1, 2,18446744073709551615") == [1, 2, .max])
        #expect(try ComparisonSettings.fractions(argument: "50,12.5%,all") == [.count(50), .percent(12.5), .all])
        for text in ["0%", "100%", "nan%", "%", "10%%", "-5%", "10%,10.0%"] {
            #expect(throws: UsageError.self) { try ComparisonSettings.fractions(argument: text) }
        }
        for text in ["", "1,", "a", "1,1", "-1"] {
            #expect(throws: UsageError.self) { try ComparisonSettings.seeds(argument: text) }
            #expect(throws: UsageError.self) { try ComparisonSettings.fractions(argument: text) }
        }
        let variant = try ComparisonSettings.variant(
            argument: "a.b:  x.y=1  z=[1, 2] w=", option: "--variant", isSingle: true)
        #expect(variant == .init(name: "a.b", set: ["x.y=1", "z=[1, 2]", "w="], single: true))
        for text in ["a", "a:", ": x=1", "single: x=1", "joint: x=1", "../a: x=1", ".: x=1", "mean x: y=1"] {
            #expect(throws: UsageError.self, "\(text)") {
                try ComparisonSettings.variant(argument: text, option: "--variant", isSingle: false)
            }
        }
    }
}
