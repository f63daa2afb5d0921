import Foundation
import Metrics
import Reporting
import Testing

struct ComparisonReportTests {
    private func comparison(_ tasks: [String], gain: Double = 0.03, broken: Bool = false) -> Comparison {
        var counts = ConfusionCounts(labelCount: 2)
        counts.add(actual: 0, predicted: 0, count: 40)
        counts.add(actual: 1, predicted: 0, count: 7)
        let scores = TaskScores(count: 47, loss: .nan, accuracy: 0.85, macroF1: 0.8, macroRecall: 0.8, matthews: 0.6)
        let variants = [
            Comparison.Variant(name: "single", overrides: [], isSingle: true),
            Comparison.Variant(name: "joint", overrides: ["seed=<1>"], isSingle: false),
        ]
        let fractions = [Comparison.Fraction(limit: 100), Comparison.Fraction(limit: nil)]
        let cost = Comparison.Cost(steps: 10, examples: 320, tokens: 9000, coreSeconds: 12)
        let runs = variants.flatMap { variant in
            fractions.map { fraction in
                Comparison.Run(
                    variant: variant.name, fraction: fraction.name, seed: 1, task: nil, folder: "x", scoredStep: 10,
                    tasks: tasks.map {
                        .init(
                            name: $0, trainCount: 1400, passes: 3, scores: scores, confusion: counts,
                            curve: broken
                                ? []
                                : [
                                    .init(step: 5, accuracy: 0.7, loss: 0.5),
                                    .init(step: 10, accuracy: 0.8, loss: .nan),
                                ])
                    }, lossCurve: [], cost: cost)
            }
        }
        let interval = Comparison.Interval(estimate: gain, lower: broken ? .nan : gain - 0.01, upper: gain + 0.01)
        let summaries = fractions.flatMap { fraction in
            variants.map { variant in
                let isGain = !variant.isSingle
                return Comparison.Summary(
                    variant: variant.name, fraction: fraction.name,
                    tasks: broken
                        ? []
                        : tasks.map {
                            .init(name: $0, accuracy: 0.8, standardDeviation: 0.02, gain: isGain ? interval : nil)
                        },
                    mean: .init(name: "mean", accuracy: 0.8, standardDeviation: nil, gain: isGain ? interval : nil),
                    helpedShare: isGain ? 1 : nil, harmedShare: isGain ? 0 : nil, cost: cost, costRatio: 0.9,
                    gradientCosines: isGain ? tasks.map { _ in tasks.map { _ in broken ? .nan : 0.5 } } : nil)
            }
        }
        return Comparison(
            program: "0.1.0", model: "m", precision: "fp32", epochs: 3, scoredAt: .last, confidence: 0.95,
            resamples: 1000,
            tasks: tasks.map {
                .init(name: $0, labels: ["no", "yes"], trainCount: 1400, devCount: nil, testCount: 47, split: "test")
            }, variants: variants, fractions: fractions, seeds: [1, 2], runs: runs, summaries: summaries)
    }

    @Test func aPageTellsWhetherItHelps() throws {
        let report = ComparisonReport(comparison(["books", "dvd"]), folder: "/runs/both")
        let page = try Page(report.html)
        page.expectSelfContained()
        #expect(page.text(of: "h1") == ["both"])
        #expect(page.text(of: "span").contains("+3.0 points"))
        #expect(
            page.text(of: "span").contains {
                $0.hasPrefix("It helps: the mean accuracy gains between +2.0 and +4.0. 2 of 2 tasks")
            })
        #expect(
            page.elements("polygon").count == 1
                && page.elements("line").count { $0.attributes["class"] == "interval s0" } == 3)
        #expect(page.text(of: "td").contains("80.0 ± 2.0") && page.text(of: "td").contains("× 0.90"))
        #expect(page.elements("td").contains { $0.attributes["class"] == "p4" && $0.text == "0.50" })
        #expect(page.coordinates.allSatisfy { $0.map { (-20...1001).contains($0) } ?? false })
        #expect(report.html == ComparisonReport(comparison(["books", "dvd"]), folder: "/runs/both").html)
    }

    @Test(arguments: [(-0.03, "It harms"), (0.005, "No clear difference")])
    func theVerdictFollowsTheInterval(gain: Double, expected: String) throws {
        let page = try Page(ComparisonReport(comparison(["a"], gain: gain), folder: "/x").html)
        #expect(page.text(of: "span").contains { $0.hasPrefix(expected) })
    }

    @Test func hostileNamesAndGapsDoNoHarm() throws {
        for isBroken in [false, true] {
            let names = [MarkupTests.hostile, "\" onclick=\"x", ""]
            let page = try Page(ComparisonReport(comparison(names, broken: isBroken), folder: "/<x>").html)
            page.expectSelfContained()
            #expect(page.coordinates.allSatisfy { $0 != nil })
        }
    }

    @Test func manyTasksAreASmallPage() throws {
        let html = ComparisonReport(comparison((1...14).map { "task \($0)" }), folder: "/x").html
        #expect(html.utf8.count < 400_000)
        try Page(html).expectSelfContained()
    }

    @Test func aFolderIsWhatItHolds() throws {
        try withTemporaryFolder { folder in
            try comparison(["a", "b"]).json().write(to: URL(fileURLWithPath: folder + "/comparison.json"))
            #expect(try writeReport(folder: folder) == folder + "/report.html")
            #expect(
                try String(contentsOfFile: folder + "/report.html", encoding: .utf8).contains("report of a comparison"))
            try "{}".write(toFile: folder + "/comparison.json", atomically: false, encoding: .utf8)
            #expect(throws: ReportingError.self) { try writeReport(folder: folder) }
        }
    }
}
