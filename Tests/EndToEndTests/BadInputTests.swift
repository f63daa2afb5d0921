import Foundation
import Testing

extension EndToEnd {
    /// What users get wrong: one clear error, the documented exit code, at once and on any number of ranks.
    @Suite struct BadInput {
        /// Several at a time, because `mpirun` mostly waits.
        @Test(arguments: [configuration, data, models, folders])
        func areRefused(_ mistakes: [Mistake]) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, mistake) in mistakes.enumerated() {
                    if number >= 4 { try await group.next() }
                    group.addTask { try await Self.isRefused(mistake) }
                }
                try await group.waitForAll()
            }
        }

        private static func isRefused(_ mistake: Mistake) async throws {
            let project = try Project()
            let arguments = project.training(into: "run", try mistake.make(project))
            for ranks in [1, 4] {
                let outcome = try await Program.run(arguments, ranks: ranks)
                expect(outcome, mistake.code, mistake.words)
                #expect(!project.exists("run/metrics.jsonl") && !project.exists("run/checkpoints/latest"))
            }
            if mistake.name == "folder of foreign files" {
                #expect(try project.names(in: "run") == ["thesis.txt"] && project.text("run/thesis.txt") == "precious")
            }
        }

        /// One error, that names what it should, in time.
        static func expect(
            _ outcome: Program.Outcome, _ code: Int32, _ words: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            #expect(!outcome.isTimedOut && outcome.code == code, "\(outcome)", sourceLocation: sourceLocation)
            #expect(outcome.errorLines.count == 1, "\(outcome)", sourceLocation: sourceLocation)
            let message = outcome.errors.components(separatedBy: "error: ").dropFirst().joined()
            for word in words {
                #expect(message.contains(word), "\(word) is not in: \(outcome)", sourceLocation: sourceLocation)
            }
            #expect(!message.contains("rank 0: "), "\(outcome)", sourceLocation: sourceLocation)
        }

        @Test func missingConfigurationFile() async throws {
            let project = try Project()
            for ranks in [1, 4] {
                let outcome = try await Program.run(["train", project.path("no.yaml")], ranks: ranks)
                Self.expect(outcome, 64, ["no.yaml", "no such file"])
            }
        }

        @Test func ranksThatCannotShareTheShards() async throws {
            let project = try Project()
            let outcome = try await Program.run(project.training(into: "run"), ranks: 3)
            Self.expect(outcome, 64, ["3 ranks", "8 shards", "1, 2, 4, 8"])
            #expect(!project.exists("run/metrics.jsonl"))

            // The run that is resumed decides, whatever the configuration says.
            try await project.train(into: "twentyfour", ranks: 3, ["--set", "batch.shards=24"])
            let resumed = try await Program.run(
                project.training(into: "twentyfour", ["--set", "batch.shards=24"]), ranks: 4)
            Self.expect(resumed, 64, ["4 ranks", "24 shards"])
        }

        /// Plans name rows of the training files, and heads have their labels.
        @Test func trainingFilesThatHaveChanged() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let sums = try await project.sums("run/checkpoints/latest")
            let text = try project.text("data/mood.train.tsv")
            try project.write("data/mood.train.tsv", text + "the film\tgood\n")
            for ranks in [1, 4] {
                let outcome = try await Program.run(project.training(into: "run", ["--set", "steps=10"]), ranks: ranks)
                Self.expect(outcome, 64, ["tasks.mood.train", "mood.train.tsv has changed", "26 rows then, 27 now"])
            }
            #expect(try await project.sums("run/checkpoints/latest") == sums)
            try project.write("data/mood.train.tsv", text)
            try project.write("data/mood.dev.tsv", text)
            try await project.train(into: "run", ["--set", "steps=10"])
        }

        @Test func aFolderOfAnotherRun() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let sums = try await project.sums("run/checkpoints/latest")
            let log = try project.text("run/metrics.jsonl")
            let yaml = try project.text("run/run.yaml")
            for ranks in [1, 4] {
                let other = try await Program.run(
                    project.training(into: "run", ["--set", "optimizer.learning_rate=0.002"]), ranks: ranks)
                Self.expect(other, 64, ["optimizer.learning_rate", project.path("run")])
                let again = try await Program.run(project.training(into: "run", ["--resume", "never"]), ranks: ranks)
                Self.expect(again, 64, ["--resume", "never", "step-0000000"])
                let foreign = try await Program.run(
                    project.training(
                        into: "new", ["--set", "seed=7", "--resume", project.path("run/checkpoints/latest")]),
                    ranks: ranks)
                Self.expect(foreign, 64, ["step-00000009", "another configuration: seed is 7 here and 42 there"])
            }
            #expect(try await project.sums("run/checkpoints/latest") == sums)
            #expect(try project.text("run/metrics.jsonl") == log)
            #expect(try project.text("run/run.yaml") == yaml)
        }

        @Test func askingForWhatIsNotThere() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let checkpoint = project.path("run/checkpoints/latest")
            let questions: [(arguments: [String], code: Int32, words: [String])] = [
                (["predict", checkpoint, "--task", "nonsense"], 64, ["nonsense", "yesno, mood"]),
                (["predict", checkpoint, "--task", "mood", "--max-length", "41"], 64, ["--max-length", "41", "40"]),
                (["predict", project.path("model"), "--task", "mood"], 65, ["config.json", "checkpoint"]),
                (["inspect", project.path("data")], 65, ["data", "no checkpoint"]),
                (["tokenize", "--model", project.path("data")], 65, ["data"]),
                (["inspect", "plan", project.path("run.yaml"), "--set", "bach.size=3"], 64, ["bach", "batch"]),
            ]
            for question in questions {
                Self.expect(try await Program.run(question.arguments, input: "x\n"), question.code, question.words)
            }
            for ranks in [1, 4] {
                let folder = try await Program.run(["evaluate", project.path("data")], ranks: ranks)
                Self.expect(folder, 65, ["data", "no checkpoint"])
                let split = try await Program.run(["evaluate", checkpoint, "--split", "train"], ranks: ranks)
                Self.expect(split, 64, ["--split", "train"])
            }
            var bytes = try Data(contentsOf: URL(fileURLWithPath: checkpoint + "/model.safetensors"))
            bytes[bytes.count - 7] ^= 4
            try project.write("run/checkpoints/latest/model.safetensors", bytes)
            for ranks in [1, 4] {
                Self.expect(
                    try await Program.run(["evaluate", checkpoint], ranks: ranks), 65, ["model.safetensors", "SHA-256"])
            }
        }

        @Test(
            "a command line that makes no sense", arguments: [["train", "--threds", "2"], ["retrain"], ["--resume"]])
        func commandLine(_ arguments: [String]) async throws {
            for ranks in [1, 4] {
                let outcome = try await Program.run(arguments, ranks: ranks)
                #expect(outcome.code == 64, "\(outcome)")
                let lines = outcome.errors.split(separator: "\n").filter { $0.lowercased().contains("error: ") }
                #expect(lines.count == 1, "\(outcome)")
            }
        }
    }
}
