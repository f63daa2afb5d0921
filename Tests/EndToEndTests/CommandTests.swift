import Foundation
import Testing

extension EndToEnd {
    /// Commands beside training: what they print, and what they refuse.
    @Suite struct Commands {
        @Test func benchPrintsWhatItMeasured() async throws {
            let project = try Project()
            try project.write("lengths.json", "[3, 17, 5, 30]")
            let short = ["bench", "--model", "tiny", "--batch", "4", "--steps", "2", "--warmup", "1", "--json"]
            let ways = [(["--uniform", "9"], "none"), (["--lengths", project.path("lengths.json")], "tokens")]
            for (lengths, balance) in ways {
                let outcome = try await Program.run(short + lengths + ["--balance", balance], ranks: 2)
                try #require(outcome.code == 0, "\(outcome)")
                let result = try #require(try jsonLines(outcome.output).first)
                #expect(result["world_size"] as? Int == 2 && result["precision"] as? String == "fp32")
                for key in ["tokens_per_second", "step_milliseconds", "flops_per_token", "model_flops_utilization"] {
                    #expect(try #require(result[key] as? Double) > 0, "\(key) in \(outcome)")
                }
                let parts = result.object("seconds")
                #expect(Set(parts.keys).isSuperset(of: ["products", "attention", "optimizer", "communication"]))
            }
            let table = try await Program.run(short.dropLast() + ["--uniform", "9"])
            #expect(table.code == 0 && table.output.contains(" tokens/s, "), "\(table)")
        }

        @Test func whatIsImpossibleIsRefused() async throws {
            let project = try Project()
            try project.write("lengths.json", "{\"a\": 1}")
            try await project.train(into: "run")
            let checkpoint = project.path("run/checkpoints/latest")
            let large = "9223372036854775807"
            for (arguments, words) in [
                (["bench", "--batch", large], ["--batch", "1000000"]),
                (["bench", "--steps", "0"], ["--steps"]), (["bench", "--uniform", large], ["lengths", "100000"]),
                (["bench", "--shards", "1000000000000"], ["--shards", "4096"]),
                (["bench", "--lengths", project.path("lengths.json")], ["lengths.json", "JSON array"]),
                (["bench", "--uniform", "3", "--lengths", "x"], ["--uniform", "--lengths"]),
                (["bench", "--precision", "fp8"], ["--precision is fp8", "bf16-emulated"]),
                (["bench", "--balance", "all"], ["--balance is all", "tokens"]),
                (["bench", "--exchange", "pigeons"], ["--exchange is pigeons", "messages"]),
                (["inspect", "plan", project.path("run.yaml"), "--from", large], ["--from", "1000000000"]),
                (["inspect", "plan", project.path("run.yaml"), "--steps", "-1"], ["--steps"]),
                (["tokenize", "--model", project.path("model"), "--max-length", "1"], ["--max-length is 1", "2"]),
                (["evaluate", checkpoint, "--threads", "0"], ["--threads is 0"]),
                (["evaluate", checkpoint, "--split", "train"], ["--split is train", "dev or test"]),
                (
                    ["evaluate", checkpoint, "--set", "batch.max_length=41"],
                    ["batch.max_length is 41", "40 positions"]
                ),
                (["export", checkpoint, "--task", "none", "--to", project.path("x")], ["none", "yesno, mood"]),
                (["predict", checkpoint, "--task", "none"], ["none", "yesno, mood"]),
            ] {
                let outcome = try await Program.run(arguments)
                #expect(!outcome.isTimedOut && outcome.code == 64, "\(outcome)")
                for word in words { #expect(outcome.errors.contains(word), "\(word) is not in: \(outcome)") }
            }
        }

        @Test func aMistypedCommandIsNamed() async throws {
            for word in ["evalute", "q"] {
                let outcome = try await Program.run([word, "x"])
                #expect(outcome.code == 64, "\(outcome)")
                #expect(outcome.errors.contains("\(word) is neither a subcommand nor a file"), "\(outcome)")
            }
        }

        /// Whatever YAML or Foundation make of them.
        @Test func namesMeanWhatTheySay() async throws {
            let project = try Project()
            for name in ["a #b", "\"q\"", "x: y", "*x", "12"] {
                try await project.train(into: name, ["--set", "steps=0"])
                #expect(project.exists(name + "/checkpoints/latest"), "\(name)")
            }
            try FileManager.default.copyItem(atPath: project.path("run.yaml"), toPath: project.path("q"))
            let start = ["--chdir", project.folder, try Program.path()]
            let words = start + ["train", "q", "--output", "o", "--set", "steps=0"]
            let outcome = try await RunningProgram("/usr/bin/env", words).end(limit: 60)
            #expect(outcome.code == 0 && project.exists("o/checkpoints/latest"), "\(outcome)")
        }

        @Test func aCheckpointWithoutSumsIsDamaged() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let checkpoint = project.path("run/checkpoints/latest")
            try FileManager.default.removeItem(atPath: checkpoint + "/SHA256SUMS")
            BadInput.expect(try await Program.run(["inspect", checkpoint]), 65, ["SHA256SUMS is missing"])
            for name in ["trainer_state.json", "optimizer.safetensors"] {
                try FileManager.default.removeItem(atPath: "\(checkpoint)/\(name)")
            }
            let model = try await Program.run(["inspect", checkpoint])
            #expect(model.code == 0 && model.output.contains("not verified: it has no SHA256SUMS"), "\(model)")
            BadInput.expect(try await Program.run(["inspect", project.path("none")]), 65, ["there is no such folder"])
            let run = try await Program.run(["inspect", project.path("run")])
            BadInput.expect(run, 65, ["the folder of a run", "checkpoints/latest"])
        }

        @Test func helpAndVersion() async throws {
            for ranks in [1, 2] {
                let help = try await Program.run(["--help"], ranks: ranks)
                #expect(help.code == 0 && help.output.components(separatedBy: "USAGE:").count == 2, "\(help)")
                let version = try await Program.run(["--version"], ranks: ranks)
                #expect(version.code == 0 && version.output.split(separator: "\n").count == 1, "\(version)")
            }
            let keys = try await Program.run(["train", "--keys"])
            #expect(keys.code == 0, "\(keys)")
            for key in ["max_length", "learning_rate", "test_excludes", "bad_rows"] {
                #expect(keys.output.contains(key), "\(key) is not in: \(keys)")
            }
        }

        @Test func evaluationCutsTextsAsItIsTold() async throws {
            let project = try Project()
            let cut = ["--set", "batch.max_length=10"]
            try await project.train(into: "run", cut + ["--set", "batch.truncation=head_tail"])
            func losses(_ more: [String]) async throws -> String {
                let outcome = try await Program.run(
                    ["evaluate", project.path("run/checkpoints/latest"), "--json"] + more)
                try #require(outcome.code == 0, "\(outcome)")
                return try canonicalJSON(try jsonLines(outcome.output)[0].object("tasks"))
            }
            let own = try await losses([])
            #expect(try await losses(["--set", "batch.truncation=head_tail"]) == own)
            #expect(try await losses(["--set", "batch.truncation=head"]) != own)
            let last = try #require(try project.log("run", "evaluation").last)
            #expect(try canonicalJSON(last.object("tasks")) == own)
            // A file that names the tasks' files and nothing else leaves it to the model.
            let tasks = ["yesno", "mood"].map { task in
                "  - {name: \(task), train: data/\(task).train.tsv, test: data/\(task).test.tsv}\n"
            }
            try project.write("files.yaml", "tasks:\n" + tasks.joined())
            #expect(try await losses(["--config", project.path("files.yaml")]) == own)
        }

        /// `latest` and `best` come to point to other checkpoints while one is read.
        @Test func aCheckpointIsReadWhileOthersAreSaved() async throws {
            let project = try Project()
            let many = ["--set", "checkpoint.every=1", "--set", "checkpoint.keep=1", "--set", "steps=150"]
            let running = try Program.start(project.training(into: "run", many + ["--set", "evaluation.every=1"]))
            #expect(try await waits(limit: 30) { project.exists("run/checkpoints/latest") })
            var count = 0
            while running.isRunning {
                let outcome = try await Program.run(["inspect", project.path("run/checkpoints/latest")])
                #expect(outcome.code == 0, "\(outcome)")
                count += 1
            }
            #expect(try await running.end(limit: 60).code == 0 && count > 0)
        }
    }
}
