import Foundation
import Metrics
import Reporting
import Testing

struct RunReportTests {
    /// A run of so many tasks, with everything in it that a log can hold.
    private func write(tasks: [String], labels: [String], steps: Int, text: String, into folder: String) throws {
        var lines = [
            RunEvent.start(
                .init(
                    version: "0.1.0", model: "/models/<minilm>", parameterCount: 22_713_216, precision: "fp32",
                    tasks: tasks.map {
                        .init(name: $0, labels: labels, trainCount: 1400, devCount: 200, testCount: 400)
                    },
                    worldSize: 4, threads: 1, machine: "node&7", batchSize: 32, shards: 8, maxLength: 128,
                    totalSteps: steps,
                    seed: 42, output: "/runs/x")
            ).jsonLine
        ]
        for step in 1...steps {
            let loss = 1 / Double(step) + Double(step * 7919 % 101) / 300
            lines.append(
                RunEvent.step(
                    .init(
                        step: step, totalSteps: steps, loss: loss, tasks: tasks.map { .init(name: $0, loss: loss) },
                        learningRate: 2e-5, gradientNorm: 1 + loss, examples: 32, tokens: 1000,
                        tokensPerSecond: 2000 + Double(step % 7),
                        seconds: .init(data: 0.1, forward: 0.1, backward: 0.2, communication: 0.05, optimizer: 0.05))
                ).jsonLine)
            guard step % max(1, steps / 30) == 0 || step == steps else { continue }
            for split in step == steps ? ["dev", "test"] : ["dev"] {
                lines.append(evaluation(step, split, tasks, labels).jsonLine)
            }
            lines.append(Sample.checkpoint(step).jsonLine)
        }
        lines.append(Sample.end().jsonLine?.replacingOccurrences(of: "\"step\":400", with: "\"step\":\(steps)"))
        try lines.compactMap { $0 }.joined(separator: "\n")
            .write(toFile: folder + "/metrics.jsonl", atomically: false, encoding: .utf8)
        let mistakes = RunEvent.Mistakes(
            step: steps, split: "test",
            tasks: tasks.map { name in
                .init(
                    name: name, count: 400, wrongCount: 31,
                    examples: (0..<10).map {
                        .init(
                            row: $0, actual: labels[0], predicted: labels[1], probability: 0.987, loss: 4,
                            texts: [text, text])
                    })
            })
        try mistakes.json.write(toFile: folder + "/mistakes.json", atomically: false, encoding: .utf8)
        try "model: a & <b>\n".write(toFile: folder + "/run.yaml", atomically: false, encoding: .utf8)
    }

    private func evaluation(_ step: Int, _ split: String, _ tasks: [String], _ labels: [String]) -> RunEvent {
        var counts = ConfusionCounts(labelCount: labels.count)
        for label in labels.indices {
            counts.add(actual: label, predicted: label, count: 90)
            counts.add(actual: label, predicted: (label + 1) % labels.count, count: 10)
        }
        let scores = TaskScores(count: 400, loss: 0.3, accuracy: 0.9, macroF1: 0.89, macroRecall: 0.9, matthews: 0.8)
        return .evaluation(
            .init(
                step: step, split: split,
                tasks: tasks.map { NamedScores(name: $0, scores: scores, confusion: counts) },
                criterion: "mean.accuracy", score: 0.9, isBest: split == "dev", seconds: 1))
    }

    @Test func aPageTellsWhatTheRunDid() throws {
        try withTemporaryFolder { folder in
            try write(
                tasks: ["books", "zh"], labels: ["bad", "good"], steps: 300, text: "not <i>bad</i>", into: folder)
            let html = try RunReport(folder: folder).html
            let page = try Page(html)
            page.expectSelfContained()
            #expect(page.text(of: "h2").count == 5)
            #expect(page.text(of: "blockquote").allSatisfy { $0 == "not <i>bad</i>" })
            #expect(page.text(of: "caption").contains("Test files, step 300"))
            #expect(page.elements("td").contains { $0.attributes["class"] == "p8" && $0.text == "90" })
            #expect(page.elements("td").contains { $0.attributes["class"] == "n1" && $0.text == "10" })
            #expect(page.text(of: "code") == ["model: a & <b>\n"])
            #expect(page.text(of: "p").contains { $0.contains("all 300 steps are done") })
            #expect(page.coordinates.allSatisfy { $0.map { (-20...1001).contains($0) } ?? false })
            #expect(try RunReport(folder: folder).html == html)
        }
    }

    @Test func hostileNamesAndTextsStayText() throws {
        try withTemporaryFolder { folder in
            let hostile = MarkupTests.hostile
            try write(
                tasks: [hostile, "\"onload=x"], labels: [hostile, "</td>"], steps: 3, text: hostile, into: folder)
            let page = try Page(RunReport(folder: folder).html)
            page.expectSelfContained()
            #expect(page.text(of: "bdi").contains { $0.contains("<script>alert(1)</script>") })
            #expect(page.text(of: "blockquote").contains { $0.contains("</b>]]>") })
        }
    }

    /// Fourteen tasks, many steps, and texts as long as they can be kept.
    @Test(arguments: [2, 40])
    func aLongRunOfManyTasksIsASmallPage(labelCount: Int) throws {
        try withTemporaryFolder { folder in
            try write(
                tasks: (1...14).map { "task \($0)" }, labels: (0..<labelCount).map { "label \($0)" }, steps: 3000,
                text: String(repeating: "好<&>", count: 1000), into: folder)
            let html = try RunReport(folder: folder).html
            #expect(html.utf8.count < 400_000)
            try Page(html).expectSelfContained()
        }
    }

    @Test func longTextsAreCut() throws {
        try withTemporaryFolder { folder in
            let text = "x" + String(repeating: "\u{301}", count: 5000)
            try write(tasks: ["a"], labels: ["0", "1"], steps: 3, text: text, into: folder)
            let page = try Page(RunReport(folder: folder).html)
            #expect(page.text(of: "blockquote").allSatisfy { $0.unicodeScalars.count == 401 && $0.hasSuffix("…") })
        }
    }

    /// An older run's file, or none.
    @Test func mistakesOfAnotherScoringAreNotShown() throws {
        try withTemporaryFolder { folder in
            try write(tasks: ["a"], labels: ["0", "1"], steps: 30, text: "t", into: folder)
            let other = RunEvent.Mistakes(step: 29, split: "test", tasks: [])
            try other.json.write(toFile: folder + "/mistakes.json", atomically: false, encoding: .utf8)
            #expect(try !RunReport(folder: folder).html.contains("The worst mistakes"))
            try "nonsense".write(toFile: folder + "/mistakes.json", atomically: false, encoding: .utf8)
            #expect(try !RunReport(folder: folder).html.contains("The worst mistakes"))
        }
    }

    @Test func aRunThatBrokeOffSaysSo() throws {
        try withTemporaryFolder { folder in
            let lines = [Sample.start, Sample.resume, Sample.step(201)].compactMap(\.jsonLine) + ["{\"event\":\"st"]
            try lines.joined(separator: "\n").write(
                toFile: folder + "/metrics.jsonl", atomically: false, encoding: .utf8)
            let page = try Page(RunReport(folder: folder).html)
            #expect(page.text(of: "p").contains { $0.contains("The log ends at step 201 of 400") })
            #expect(page.text(of: "p").contains { $0.contains("1 line of metrics.jsonl could not be read") })
        }
    }

    @Test func tasksThatWeighAgainstEachOtherAreDrawn() throws {
        try withTemporaryFolder { folder in
            let lines =
                (1...9).map {
                    "{\"event\":\"step\",\"step\":\($0),\"loss\":1,\"tasks\":{\"a\":{\"loss\":1,\"weight\":0.\($0)},\"b\":{\"loss\":2,\"weight\":1}}}"
                } + [#"{"event":"gradients","step":9,"tasks":["a","b"],"cosines":[[1,-0.25],[-0.25,1]],"norms":[2,3]}"#]
            try lines.joined(separator: "\n").write(
                toFile: folder + "/metrics.jsonl", atomically: false, encoding: .utf8)
            let page = try Page(RunReport(folder: folder).html)
            page.expectSelfContained()
            #expect(page.text(of: "h3").contains("Weight of each task in the loss"))
            #expect(page.elements("td").count { $0.attributes["class"] == "n2" && $0.text == "−0.25" } == 2)
        }
    }

    @Test func theObserverKeepsMistakesAndWritesThePageAtTheEnd() throws {
        try withTemporaryFolder { folder in
            let observers = FanOutObserver([
                try MetricsLog(path: folder + "/metrics.jsonl"), RunReportObserver(folder: folder),
            ])
            observers.record(Sample.start)
            observers.record(evaluation(400, "test", ["books"], ["negative", "positive"]))
            let example = RunEvent.Mistakes.Example(
                row: 7, actual: "negative", predicted: "positive", probability: 0.75, loss: 1.5, texts: ["a\nb"])
            observers.record(
                .mistakes(
                    .init(
                        step: 400, split: "test",
                        tasks: [.init(name: "books", count: 9, wrongCount: 1, examples: [example])])))
            #expect(
                try String(contentsOfFile: folder + "/mistakes.json", encoding: .utf8)
                    == #"{"step":400,"split":"test","tasks":{"books":{"count":9,"wrong":1,"examples":[{"row":7,"#
                    + #""actual":"negative","predicted":"positive","probability":0.75,"loss":1.5,"texts":["a\nb"]}]}}}"#
                    + "\n")
            #expect(!FileManager.default.fileExists(atPath: folder + "/report.html"))
            observers.record(Sample.end(.stopped))
            let page = try Page(String(contentsOfFile: folder + "/report.html", encoding: .utf8))
            #expect(page.text(of: "blockquote") == ["a\nb"])
            #expect(page.text(of: "p").contains { $0.contains("was stopped after 400 of 400 steps") })
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 3)
        }
    }

    @Test func aFolderWithoutALogIsRefused() {
        #expect {
            try RunReport(folder: "/no/such/folder")
        } throws: { "\($0)" == "/no/such/folder/metrics.jsonl cannot be read: No such file or directory" }
    }

    @Test(arguments: [(0.5, 100, 0.4038, 0.5962), (1, 400, 0.9905, 1), (0, 10, 0, 0.2775)])
    func accuracyIntervals(proportion: Double, count: Int, low: Double, high: Double) throws {
        let interval = try #require(wilsonInterval(proportion, count: count))
        #expect(abs(interval.lowerBound - low) < 1e-4 && abs(interval.upperBound - high) < 1e-4)
        #expect(wilsonInterval(0.5, count: 0) == nil && wilsonInterval(.nan, count: 5) == nil)
    }
}
