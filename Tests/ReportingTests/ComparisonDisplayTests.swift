import Metrics
import Reporting
import Synchronization
import Testing

@Suite struct ComparisonDisplayTests {
    private static func summary(
        _ variant: String, _ scores: [Double], deviation: Double?, gain: Comparison.Interval?, seconds: Double
    ) -> Comparison.Summary {
        let rows = zip(["books", "中文"], scores).map {
            Comparison.SummaryRow(name: $0, accuracy: $1, standardDeviation: deviation, gain: gain)
        }
        let mean = Comparison.SummaryRow(
            name: "mean", accuracy: (scores[0] + scores[1]) / 2, standardDeviation: deviation, macroF1: 0.5,
            macroF1Deviation: deviation, gain: gain, gainOverJoint: variant == "other" ? gain : nil)
        return .init(
            variant: variant, fraction: "100", tasks: rows, mean: mean, helpedShare: gain.map { _ in 0.5 },
            harmedShare: gain.map { _ in 0 }, cost: .init(coreSeconds: seconds), costRatio: seconds / 20)
    }

    private static func run(_ variant: String, passes: [Double]) -> Comparison.Run {
        let scores = TaskScores(count: 1, loss: 0, accuracy: 1, macroF1: 1, macroRecall: 1, matthews: 0)
        return .init(
            variant: variant, fraction: "100", seed: 1, task: nil, folder: "", scoredStep: 1,
            tasks: passes.map {
                .init(
                    name: "", trainCount: 1, passes: $0, scores: scores, confusion: .init(labelCount: 1), curve: [])
            }, lossCurve: [], cost: .init())
    }

    @Test func table() {
        let text = Mutex("")
        let screen = TextOutput(
            isLive: false, usesColor: false, width: { 80 }, write: { part in text.withLock { $0 += part } })
        let gain = Comparison.Interval(estimate: 0.015, lower: -0.0025, upper: 0.03)
        let comparison = Comparison(
            program: "1", model: "m", precision: "fp32", epochs: 3, scoredAt: .last, confidence: 0.95, resamples: 10,
            tasks: ["books", "中文"].map {
                .init(name: $0, labels: ["a", "b"], trainCount: 9, devCount: 1, testCount: 1, split: "test")
            },
            variants: ["single", "joint"].map { .init(name: $0, overrides: [], isSingle: $0 == "single") },
            fractions: [.init(limit: 100)], seeds: [1],
            runs: [Self.run("single", passes: [3, 3.04]), Self.run("joint", passes: [3, 4.5])],
            summaries: [
                Self.summary("single", [0.9, 0.8], deviation: 0.01, gain: nil, seconds: 20),
                Self.summary("joint", [0.91, 0.82], deviation: nil, gain: gain, seconds: 130),
            ])
        ComparisonDisplay(output: screen, results: screen, directory: "/here").show(comparison)
        #expect(
            text.withLock { $0 }.hasPrefix(
                """
                accuracy in percent, 100 training examples a task, 1 seed
                  task                    single      joint
                  books             90.00 ± 1.00      91.00
                  中文              80.00 ± 1.00      82.00
                  mean              85.00 ± 1.00      86.50
                  gain                                +1.50
                    from                              -0.25
                    to                                +3.00
                  mean macro F1     50.00 ± 1.00      50.00
                  helped, harmed                  1, 0 of 2
                  passes                     3.0  3.0 … 4.5
                  core seconds              20.0        130
                    against single        × 1.00     × 6.50

                """), "\(text.withLock { $0 })")
        #expect(text.withLock { $0 }.hasSuffix("--seeds 1,2,3 tells more.\n"))
    }

    /// Only what somebody asked for stands in the table.
    @Test func tableOfFurtherWaysAndExcludedRows() {
        let text = Mutex("")
        let screen = TextOutput(
            isLive: false, usesColor: false, width: { 80 }, write: { part in text.withLock { $0 += part } })
        let gain = Comparison.Interval(estimate: 0.015, lower: -0.0025, upper: 0.03)
        let names = ["single", "joint", "other"]
        let all = names.map {
            Self.summary($0, [0.9, 0.8], deviation: nil, gain: $0 == "single" ? nil : gain, seconds: 20)
        }
        var comparison = Comparison(
            program: "1", model: "m", precision: "fp32", epochs: 3, scoredAt: .last, confidence: 0.95, resamples: 10,
            tasks: ["books", "中文"].map {
                .init(name: $0, labels: ["a", "b"], trainCount: 9, devCount: 1, testCount: 1, split: "test")
            },
            variants: names.map { .init(name: $0, overrides: [], isSingle: $0 == "single") },
            fractions: [.init(percent: 12.5)], seeds: [1, 2],
            runs: names.map { Self.run($0, passes: [3, 3]) }, summaries: all, summariesWithoutExcluded: all)
        for place in all.indices {
            comparison.summaries[place].fraction = "12.5%"
            comparison.summariesWithoutExcluded?[place].fraction = "12.5%"
        }
        ComparisonDisplay(output: screen, results: screen, directory: "/here").show(comparison)
        let lines = text.withLock { $0 }.split(separator: "\n").map(String.init)
        #expect(lines[0] == "accuracy in percent, 12.5% of the training examples, 2 seeds")
        #expect(
            Array(lines[5...12]) == [
                "  gain                             +1.50      +1.50",
                "    from                           -0.25      -0.25",
                "    to                             +3.00      +3.00",
                "  gain over joint                             +1.50",
                "    from                                      -0.25",
                "    to                                        +3.00",
                "  mean, rows excluded   85.00      85.00      85.00",
                "  gain                             +1.50      +1.50",
            ], "\(lines)")
    }

    @Test func progress() {
        let text = Mutex("")
        let screen = TextOutput(
            isLive: false, usesColor: false, width: { 80 }, write: { part in text.withLock { $0 += part } })
        let display = ComparisonDisplay(output: screen, results: screen, directory: "/here")
        display.record(
            .plan(
                .init(
                    model: "/here/m", tasks: ["a", "b"], variants: ["single", "joint"], fractions: ["100", "all"],
                    seeds: [1, 2], runCount: 12, doneCount: 3, groups: 4, ranksPerGroup: 2, machine: "host",
                    output: "/o")))
        display.record(.warning("a: \u{1B}[2J"))
        display.record(
            .finished(
                .init(
                    title: "joint, 100 examples, seed 1", accuracy: 0.5, seconds: 65, doneCount: 4, runCount: 12,
                    remaining: 130)))
        display.record(
            .finished(.init(title: "x", accuracy: 1, seconds: 1, doneCount: 12, runCount: 12, remaining: 0)))
        display.showEnd(output: "/here/out")
        #expect(
            text.withLock { $0 } == """
                comparison of single, joint
                  model  m
                  tasks  a, b
                  sizes  100, all; seeds 1, 2
                  runs   12, 3 of them done already
                  ranks  4 at once, each on 2 ranks of host
                  into   /o
                warning: a: ?[2J
                [4/12] joint, 100 examples, seed 1: accuracy 0.5000 in 1m 05s; about 2m 10s left
                [12/12] x: accuracy 1.0000 in 1.0s
                results  out/comparison.json
                report   out/report.html

                """)
    }
}
