import Foundation
import Testing

extension EndToEnd {
    /// Tasks of every kind in one run: several labels an example, numbers, and pairs of texts.
    @Suite struct TaskKinds {
        /// A project with a task of each kind; the label of each follows from its text.
        private func project() throws -> Project {
            let project = try Project()
            let words = ["good", "bad", "film", "not", "the", "but"]
            func row(_ number: Int) -> [String] {
                (0..<3 + number % 5).map { words[(number + $0 * (number / 6 + $0)) % 6] }
            }
            for (split, count) in [("train", 48), ("dev", 20), ("test", 20)] {
                let rows = (0..<count).map { row($0 * 7 + split.count) }
                let traits = rows.map { words in
                    let labels = ["good", "bad", "not"].filter(words.contains).map { "\"\($0)\"" }
                    return #"{"text":"\#(words.joined(separator: " "))","label":[\#(labels.joined(separator: ","))]}"#
                }
                try project.write("data/traits.\(split).jsonl", traits.joined(separator: "\n") + "\n")
                let stars = rows.map { words in
                    let value = Double(words.count { $0 == "good" }) - Double(words.count { $0 == "bad" }) * 0.5
                    return "\(words.joined(separator: " "))\t\(words.last ?? "")\t\(value)"
                }
                try project.write(
                    "data/stars.\(split).tsv", "text\taspect\tlabel\n" + stars.joined(separator: "\n") + "\n")
            }
            try project.replace(
                "    weight: 0.5\n",
                with: """
                        weight: 0.5
                      - name: traits
                        train: data/traits.train.jsonl
                        dev: data/traits.dev.jsonl
                        test: data/traits.test.jsonl
                        kind: multi_label
                        labels: [bad, good, not]
                      - name: stars
                        kind: regression
                        text: [aspect, text]
                        train: data/stars.train.tsv
                        dev: data/stars.dev.tsv
                        test: data/stars.test.tsv

                    """, in: "run.yaml")
            return project
        }

        @Test func trainTogetherToTheSameBits() async throws {
            let project = try project()
            let more = ["--set", "steps=100", "--set", "evaluation.best=stars.pearson"]
            try await project.train(into: "one", more)
            try await project.train(into: "four", ranks: 4, more)
            let sums = try await project.sums("one/checkpoints/latest")
            #expect(try await project.sums("four/checkpoints/latest") == sums)
            #expect(try SameBits.exactLog(project, "one") == SameBits.exactLog(project, "four"))

            let test = try #require(try project.log("one", "evaluation").last).object("tasks")
            let traits = test.object("traits").compactMapValues { ($0 as? NSNumber)?.doubleValue }
            #expect(Set(traits.keys) == ["count", "loss", "accuracy", "micro_f1", "macro_f1"])
            #expect((traits["micro_f1"] ?? 0) > 0.6, "\(traits)")
            let stars = test.object("stars").compactMapValues { ($0 as? NSNumber)?.doubleValue }
            #expect(Set(stars.keys) == ["count", "loss", "pearson", "spearman"])
            #expect((stars["pearson"] ?? 0) > 0.3, "\(stars)")

            let checkpoint = project.path("one/checkpoints/latest")
            let labels = try await Program.run(["predict", checkpoint, "--task", "traits"], input: "good film not\n")
            #expect(labels.output.hasPrefix(#"{"labels":["#) && labels.output.contains(#""scores":{"bad":"#))
            let value = try await Program.run(
                ["predict", checkpoint, "--task", "stars", "--pairs"], input: "good\tgood film\n")
            #expect(value.output.hasPrefix(#"{"value":"#), "\(value)")
            let scored = try await Program.run(["evaluate", checkpoint, "--json"], ranks: 2)
            #expect(scored.output.contains(#""spearman":"#) && scored.code == 0, "\(scored)")
            let export = try await Program.run(
                ["export", checkpoint, "--task", "stars", "--to", project.path("stars")])
            #expect(export.code == 0, "\(export)")
            #expect(try project.text("stars/config.json").contains(#""problem_type" : "regression""#))
        }

        @Test(arguments: [
            ("stars.accuracy", "the scores of task stars, a regression, are loss, pearson or spearman"),
            ("traits.matthews", "the scores of task traits, a multi_label, are loss, accuracy, micro_f1 or macro_f1"),
        ])
        func aScoreThatATaskDoesNotHave(best: String, message: String) async throws {
            let project = try project()
            let outcome = try await Program.run(project.training(into: "run", ["--set", "evaluation.best=\(best)"]))
            #expect(outcome.code == 64 && outcome.errors.contains(message), "\(outcome)")
        }
    }
}
