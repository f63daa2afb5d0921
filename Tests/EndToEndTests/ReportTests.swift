import Foundation
import Testing

extension EndToEnd {
    /// The page that a run leaves, and the texts in it.
    @Suite struct Reports {
        @Test func theWorstMistakesAreThoseOfTheTestFiles() async throws {
            let project = try Project()
            try await project.train(into: "run", ranks: 2)
            let evaluation = try #require(try project.log("run", "evaluation").last)
            let mistakes = try #require(try jsonLines(project.text("run/mistakes.json")).first)
            #expect(mistakes["split"] as? String == "test" && mistakes["step"] as? Int == 9)
            for (task, labels) in Project.labels {
                let rows = try project.text("data/\(task).test.tsv").split(separator: "\n").dropFirst()
                let confusion = try #require(
                    evaluation.object("tasks").object(task)["confusion"] as? [[Int]], "the log has the counts")
                #expect(confusion.joined().reduce(0, +) == rows.count)
                let own = mistakes.object("tasks").object(task)
                let wrong = rows.count - confusion.indices.reduce(0) { $0 + confusion[$1][$1] }
                #expect(own["count"] as? Int == rows.count && own["wrong"] as? Int == wrong)
                let examples = try #require(own["examples"] as? [[String: Any]])
                #expect(examples.count == min(10, wrong))
                for example in examples {
                    let row = try #require(example["row"] as? Int)
                    let fields = rows[rows.startIndex + row].split(separator: "\t").map(String.init)
                    #expect(example["texts"] as? [String] == [fields[0]] && example["actual"] as? String == fields[1])
                    let predicted = try #require(example["predicted"] as? String)
                    #expect(predicted != fields[1] && labels.contains(predicted))
                }
                let losses = examples.compactMap { $0["loss"] as? Double }
                #expect(losses == losses.sorted(by: >) && losses.count == examples.count)
            }
        }

        @Test func theReportCanBeMadeAnew() async throws {
            let project = try Project()
            let outcome = try await project.train(into: "run")
            #expect(outcome.errors.contains("report.html"))
            let page = try project.text("run/report.html")
            #expect(page.contains("all 9 steps are done") && page.contains("The worst mistakes"))
            try project.write("run/report.html", "")
            let again = try await Program.run(["report", project.path("run")])
            #expect(again.code == 0 && again.output == "wrote \(project.path("run/report.html"))\n", "\(again)")
            #expect(try project.text("run/report.html") == page)
            let refused = try await Program.run(["report", project.path("data")])
            #expect(refused.code == 64 && refused.errors.contains("data/metrics.jsonl cannot be read"), "\(refused)")
        }
    }
}
