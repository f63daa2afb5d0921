import Foundation
import Testing

extension EndToEnd {
    /// Classification heads that are taken over from another run.
    @Suite struct Heads {
        private func scores(
            _ project: Project, _ more: [String]
        ) async throws -> (outcome: Program.Outcome, [String: Any]) {
            let start = ["--set", "steps=0", "--set", "model=" + project.path("first/checkpoints/latest")]
            let output = "run-" + UUID().uuidString
            let outcome = try await project.train(into: output, start + more)
            let evaluation = try await Program.run(
                ["evaluate", project.path(output + "/checkpoints/latest"), "--json"])
            return (outcome, try #require(try jsonLines(evaluation.output).first).object("tasks"))
        }

        @Test func outputsGoByTheNamesOfLabels() async throws {
            let project = try Project()
            try await project.train(into: "first")
            let (_, expected) = try await scores(project, [])
            let (turned, found) = try await scores(
                project, ["--set", "tasks.yesno.labels=[yes, no]", "--set", "tasks.mood.labels=[good, bad, fine]"])
            for task in ["yesno", "mood"] {
                for key in ["accuracy", "macro_f1"] {
                    let (own, other) = (found.object(task)[key], expected.object(task)[key])
                    #expect(own as? Double == other as? Double, "\(task) \(key)")
                }
                let losses = [found, expected].compactMap { $0.object(task)["loss"] as? Double }
                #expect(abs(losses[0] - losses[1]) < 1e-6, "\(task)")
            }
            #expect(!turned.errors.contains("initialised"), "\(turned)")
        }

        @Test func aHeadForOtherLabelsIsMadeAnew() async throws {
            let project = try Project()
            try await project.train(into: "first")
            let text = try project.text("data/mood.train.tsv").replacing("\tgood\n", with: "\tsuper\n")
            for name in ["train", "dev", "test"] { try project.write("data/mood.\(name).tsv", text) }
            let (outcome, _) = try await scores(project, [])
            #expect(
                outcome.errors.contains(
                    "the head of task mood is for another kind of task or other labels (single_label, bad, fine, good)"),
                "\(outcome)")
            #expect(!outcome.errors.contains("the head of task yesno"), "\(outcome)")
        }

        @Test func predictKnowsPairs() async throws {
            let project = try Project()
            let rows = (0..<20).map { "the film\tis \($0 % 2 == 0 ? "good" : "bad")\t\($0 % 2 == 0 ? "yes" : "no")" }
            try project.write("data/pairs.tsv", "a\tb\tlabel\n" + rows.joined(separator: "\n") + "\n")
            try project.replace(
                "tasks:\n", with: "tasks:\n  - {name: pairs, train: data/pairs.tsv, text: [a, b]}\n", in: "run.yaml")
            try await project.train(into: "run")
            let predict = ["predict", project.path("run/checkpoints/latest"), "--task"]
            let (line, single) = ("the film\tis good\n", "the film is good\n")
            let plain = try await Program.run(predict + ["pairs"], input: line)
            let told = try await Program.run(predict + ["pairs", "--pairs"], input: line)
            #expect(plain.code == 0 && plain.output == told.output, "\(plain)\n\(told)")
            let wrong = try await Program.run(predict + ["pairs"], input: line + single)
            BadInput.expect(wrong, 65, ["standard input:2", "no tab"])
            let other = try await Program.run(predict + ["mood", "--pairs"], input: line)
            BadInput.expect(other, 64, ["task mood was trained on single texts"])
        }

        /// Where transformers looks for them.
        @Test func anExportSaysHowTextsAreCut() async throws {
            let project = try Project()
            try await project.train(into: "run", ["--set", "batch.truncation=head_tail"])
            let outcome = try await Program.run([
                "export", project.path("run/checkpoints/latest"), "--task", "mood", "--to", project.path("mood"),
            ])
            #expect(outcome.code == 0 && outcome.errors.contains("head and tail"), "\(outcome)")
            let text = try project.text("mood/tokenizer_config.json").replacing("\n", with: " ")
            let settings = try #require(try jsonLines(text).first)
            #expect(settings["model_max_length"] as? Int == 24 && settings["do_lower_case"] as? Bool == true)
        }
    }
}
