import Foundation
import Testing

extension EndToEnd {
    /// `doctor` on this machine, alone and on two ranks.
    @Suite struct Doctor {
        /// The findings by what was looked at, each with its level.
        private func findings(_ outcome: Program.Outcome) throws -> [(check: String, level: String, text: String)] {
            let object = try jsonLines(outcome.output).first ?? [:]
            return (object["findings"] as? [[String: Any]] ?? []).map { finding in
                func text(_ key: String) -> String { finding[key] as? String ?? "" }
                return (text("check"), text("level"), text("text"))
            }
        }

        @Test(arguments: [1, 2]) func aGoodConfigurationHasNoErrors(_ ranks: Int) async throws {
            let project = try Project()
            let outcome = try await Program.run(
                ["doctor", project.path("run.yaml"), "--output", project.path("out"), "--json"], ranks: ranks, limit: 40
            )
            #expect(outcome.code == 0, "\(outcome)")
            let found = try findings(outcome)
            let checks: Set = [
                "ranks", "processor", "cores", "/dev/shm", "single copy", "exchange", "limits", "disk", "model",
                "precision", "task yesno", "task mood",
            ]
            #expect(Set(found.map(\.check)) == checks, "\(outcome)")
            #expect(!found.contains { $0.level == "error" })
            #expect(found.contains { $0.check == "ranks" && $0.text.hasPrefix("\(ranks) rank") })
            #expect(found.contains { $0.check == "task mood" && $0.text == "train 26, dev 33, test 41; 3 labels" })
            #expect(!project.exists("out"))
        }

        @Test func withoutAConfigurationTheDemonstrationIsLookedAt() async throws {
            let project = try Project()
            try project.write("file", "")
            let outcome = try await Program.run(["doctor", "--output", project.path("file/x")])
            #expect(outcome.output.contains("a small random encoder"), "\(outcome)")
            #expect(outcome.code == 64 && outcome.output.contains("1 error"), "\(outcome)")
        }

        @Test(arguments: [1, 2]) func everythingThatIsWrongIsToldAtOnce(_ ranks: Int) async throws {
            let project = try Project()
            try project.write("data/mood.train.tsv", "text\tlabel\ngood\n")
            try project.write("model/config.json", "{\"hidden_size\": 32, \"num_attention_heads\": 5}")
            let outcome = try await Program.run(
                ["doctor", project.path("run.yaml"), "--output", project.path("out"), "--json"], ranks: ranks, limit: 40
            )
            #expect(outcome.code == 65, "\(outcome)")
            let errors = try findings(outcome).filter { $0.level == "error" }
            #expect(errors.map(\.check) == ["model", "task mood"], "\(outcome)")
            #expect(errors.last?.text.contains("mood.train.tsv:2: ") == true, "\(outcome)")
        }

        @Test func weightsThatDoNotFitAreFoundWithoutReadingThem() async throws {
            let project = try Project()
            let text = try project.text("model/config.json")
            try project.write(
                "model/config.json", text.replacing("\"type_vocab_size\": 2", with: "\"type_vocab_size\": 3"))
            let outcome = try await Program.run(["doctor", project.path("run.yaml"), "--output", project.path("out")])
            #expect(outcome.code == 65 && outcome.output.contains("token_type_embeddings"), "\(outcome)")
        }

        @Test func aWrongCommandIsRefused() async throws {
            #expect(try await Program.run(["doctor", "/none.yaml"]).code == 64)
            #expect(try await Program.run(["doctor", "--threads", "x"]).code == 64)
            #expect(try await Program.run(["doctor", "--set", "batch.size=0"]).code == 64)
        }
    }
}
