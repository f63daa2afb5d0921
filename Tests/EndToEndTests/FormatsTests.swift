import Foundation
import Testing

extension EndToEnd {
    /// What other programs read, in the form that was promised to them.
    @Suite struct Formats {
        @Test func whatARunLeaves() async throws {
            let project = try Project()
            let outcome = try await project.train(into: "run", ranks: 2)
            let found = try project.names(in: "run").filter { !$0.contains("tfevents") }
            #expect(found == ["checkpoints", "metrics.jsonl", "mistakes.json", "report.html", "run.yaml"])
            #expect(try project.names(in: "run").count == 6, "one file for TensorBoard")
            let latest = try FileManager.default.destinationOfSymbolicLink(
                atPath: project.path("run/checkpoints/latest"))
            #expect(latest == "step-00000009")
            #expect(
                try project.names(in: "run/checkpoints/latest") == [
                    "SHA256SUMS", "config.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json",
                    "vocab.txt",
                ])
            let best = try #require(try project.log("run", "end").last).object("best")["step"] as? Int
            let bestLink = try FileManager.default.destinationOfSymbolicLink(
                atPath: project.path("run/checkpoints/best"))
            #expect(bestLink == "step-0000000\(best ?? -1)")
            for checkpoint in try project.names(in: "run/checkpoints") {
                let folder = project.path("run/checkpoints/\(checkpoint)")
                let check = try await RunningProgram(
                    "/usr/bin/env", ["--chdir", folder, "sha256sum", "-c", "SHA256SUMS"]
                ).end(limit: 20)
                #expect(check.code == 0 && check.output.split(separator: "\n").count == 5, "\(check)")
            }
            for name in ["checkpoints/best", "metrics.jsonl", "predict", "evaluate"] {
                #expect((outcome.output + outcome.errors).contains(name), "\(name) is not in: \(outcome)")
            }
        }

        @Test func theSavedConfigurationTrainsTheSame() async throws {
            let project = try Project()
            try await project.train(into: "run", ["--set", "seed=5", "--set", "tasks.yesno.limit=30"])
            let again = try await Program.run([
                "train", project.path("run/run.yaml"), "--output", project.path("again"),
            ])
            try #require(again.code == 0, "\(again)")
            let sums = try await project.sums("run/checkpoints/latest")
            #expect(try await project.sums("again/checkpoints/latest") == sums)
        }

        @Test func onlyAsManyCheckpointsAsAskedFor() async throws {
            let project = try Project()
            try await project.train(into: "run", ["--set", "checkpoint.keep=1", "--set", "checkpoint.every=1"])
            let steps = try project.names(in: "run/checkpoints").filter { $0.hasPrefix("step-") }
            let best = try #require(try project.log("run", "end").last).object("best")["step"] as? Int
            #expect(steps == Set([best ?? -1, 9]).sorted().map { "step-0000000\($0)" })
        }

        @Test func noSteps() async throws {
            let project = try Project()
            try await project.train(into: "run", ranks: 2, ["--set", "steps=0"])
            #expect(try project.names(in: "run/checkpoints").contains("step-00000000"))
            let outcome = try await Program.run(["inspect", project.path("run/checkpoints/latest")])
            #expect(outcome.code == 0, "\(outcome)")
        }

        @Test func metricsLog() async throws {
            let project = try Project()
            try await project.train(into: "run", ranks: 2)
            let log = try project.log("run")
            #expect(log.compactMap { $0["event"] as? String }.first == "start")
            #expect(log.compactMap { $0["event"] as? String }.last == "end")
            let stepKeys = [
                "event", "examples", "gradient_norm", "learning_rate", "loss", "seconds", "step", "tasks", "tokens",
                "tokens_per_second",
            ]
            for step in try project.log("run", "step") {
                #expect(step.names == stepKeys)
                #expect(step.object("tasks").names == ["mood", "yesno"])
                #expect(step.object("tasks").object("mood").names == ["loss"])
                #expect(step.object("seconds").names == ["backward", "communication", "data", "forward", "optimizer"])
                #expect(step["examples"] as? Int == 16)
                let losses = ["yesno", "mood"].compactMap { step.object("tasks").object($0)["loss"] as? Double }
                let loss = try #require(step["loss"] as? Double)
                #expect(abs(loss - (losses[0] + 0.5 * losses[1])) < 1e-9, "task means by the tasks' weights")
            }
            let counts = ["dev": ["yesno": 70, "mood": 33], "test": ["yesno": 37, "mood": 41]]
            for evaluation in try project.log("run", "evaluation") {
                for (task, count) in try #require(counts[evaluation["split"] as? String ?? ""]) {
                    let scores = evaluation.object("tasks").object(task)
                    #expect(
                        scores.names == [
                            "accuracy", "confusion", "count", "loss", "macro_f1", "macro_recall", "matthews",
                        ])
                    #expect(scores["count"] as? Int == count)
                    let confusion = scores["confusion"] as? [[Int]] ?? []
                    #expect(confusion.joined().reduce(0, +) == count)
                }
            }
            let evaluated = try project.log("run", "evaluation").map { "\($0["split"] ?? "") \($0["step"] ?? "")" }
            #expect(evaluated == ["dev 4", "dev 8", "dev 9", "test 9"], "the test files once, at the end")
            let sums = try await project.sums("run/checkpoints/latest")
            let end = try #require(try project.log("run", "end").last)
            #expect(end["step"] as? Int == 9 && end["model_sha256"] as? String == sums[0])
            let saved = try project.log("run", "checkpoint").compactMap { $0["step"] as? Int }
            #expect(Set(saved).isSuperset(of: [3, 6, 9]) && saved == Set(saved).sorted())
        }

        @Test func evaluate() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let checkpoint = project.path("run/checkpoints/latest")
            for (split, counts) in [("test", ["yesno": 37, "mood": 41]), ("dev", ["yesno": 70, "mood": 33])] {
                var answers: Set<String> = []
                for (ranks, threads) in [(1, 1), (2, 1), (4, 1), (3, 1), (1, 4), (2, 2)] {
                    let outcome = try await Program.run(
                        ["evaluate", checkpoint, "--json", "--split", split, "--threads", "\(threads)"], ranks: ranks)
                    try #require(outcome.code == 0, "\(outcome)")
                    let lines = try jsonLines(outcome.output)
                    try #require(lines.count == 1, "\(outcome)")
                    var answer = lines[0]
                    #expect(answer["seconds"] is Double)
                    answer["seconds"] = nil
                    answers.insert(try canonicalJSON(answer))
                    for (task, count) in counts {
                        #expect(answer.object("tasks").object(task)["count"] as? Int == count)
                    }
                    #expect(answer["step"] as? Int == 9 && answer["event"] as? String == "evaluation")
                }
                #expect(answers.count == 1, "the scores depend on the number of ranks: \(answers)")
            }
            // The run itself scored the same checkpoint.
            for (split, event) in zip(["dev", "test"], try project.log("run", "evaluation").suffix(2)) {
                let outcome = try await Program.run(["evaluate", checkpoint, "--json", "--split", split])
                let own = try canonicalJSON(event.object("tasks"))
                #expect(try canonicalJSON(try jsonLines(outcome.output)[0].object("tasks")) == own)
            }

            let table = try await Program.run(["evaluate", checkpoint])
            for word in ["yesno", "mood", "accuracy", "macro F1", "Matthews", "mean"] {
                #expect(table.output.contains(word), "\(table)")
            }
        }

        @Test func predict() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let checkpoint = project.path("run/checkpoints/best")
            let texts =
                try project.text("data/mood.test.tsv").split(separator: "\n").dropFirst()
                .map { String($0.split(separator: "\t")[0]) } + ["", "\u{0}\u{FFFD} \u{1F468}\u{200D}\u{1F469}", "a\r"]
            let outcome = try await Program.run(
                ["predict", checkpoint, "--task", "mood", "--max-length", "24"],
                input: texts.map { $0 + "\n" }.joined())
            try #require(outcome.code == 0, "\(outcome)")
            let answers = try jsonLines(outcome.output)
            #expect(answers.count == texts.count)
            for answer in answers {
                #expect(answer.names == ["label", "scores"])
                let scores = try #require(answer["scores"] as? [String: Double])
                #expect(scores.keys.sorted() == Project.labels["mood"])
                #expect(abs(scores.values.reduce(0, +) - 1) < 1e-9)
                let highest = scores.max { $0.value < $1.value }
                #expect(answer["label"] as? String == highest?.key)
            }
            // As many right answers as `evaluate` counts.
            let labels = try project.text("data/mood.test.tsv").split(separator: "\n").dropFirst()
                .map { String($0.split(separator: "\t")[1]) }
            let right = zip(answers, labels).filter { $0["label"] as? String == $1 }.count
            let evaluation = try await Program.run(["evaluate", checkpoint, "--json"])
            let scores = try jsonLines(evaluation.output)[0].object("tasks").object("mood")
            #expect(abs(try #require(scores["accuracy"] as? Double) - Double(right) / 41) < 1e-12)

            // An answer does not depend on the texts around it.
            let alone = try await Program.run(
                ["predict", checkpoint, "--task", "mood", "--max-length", "24"], input: texts[5] + "\n")
            #expect(alone.output == outcome.output.split(separator: "\n")[5] + "\n")
        }

        @Test func export() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let (checkpoint, folder) = (project.path("run/checkpoints/best"), project.path("mood"))
            let arguments = ["export", checkpoint, "--task", "mood", "--to", folder]
            let outcome = try await Program.run(arguments)
            try #require(outcome.code == 0, "\(outcome)")
            let config = try jsonLines(try project.text("mood/config.json").replacing("\n", with: " "))[0]
            #expect(config["architectures"] as? [String] == ["BertForSequenceClassification"])
            let labels = try #require(Project.labels["mood"])
            for (index, label) in labels.enumerated() {
                #expect(config.object("id2label")["\(index)"] as? String == label)
                #expect(config.object("label2id")[label] as? Int == index)
            }
            #expect(try project.names(in: "mood").contains("vocab.txt"))
            let file = URL(fileURLWithPath: project.path("mood/model.safetensors"))
            let tensors = try Data(contentsOf: file).prefix(100_000)
            for (name, isThere) in [
                ("\"classifier.weight\"", true), ("\"bert.pooler.dense.bias\"", true), ("classifiers.", false),
            ] {
                #expect((tensors.range(of: Data(name.utf8)) != nil) == isThere, "\(name)")
            }
            let again = try await Program.run(arguments)
            #expect(again.code == 64 && again.errors.contains(folder), "a folder that holds something is left alone")
        }

        @Test func tokenize() async throws {
            let project = try Project()
            let model = ["tokenize", "--model", project.path("model")]
            // Of the vocabulary: [CLS] 2, [SEP] 3, [UNK] 1.
            let words = try project.text("model/vocab.txt").split(separator: "\n").map(String.init)
            func identifiers(_ tokens: [String]) throws -> String {
                let numbers = try tokens.map { try #require(words.firstIndex(of: $0)) }
                return "[" + numbers.map(String.init).joined(separator: ",") + "]"
            }
            let outcome = try await Program.run(model, input: "The film\n\nfilming 好好!\nzebra#\n")
            try #require(outcome.code == 0, "\(outcome)")
            #expect(
                outcome.output
                    == [
                        try identifiers(["[CLS]", "the", "film", "[SEP]"]),
                        try identifiers(["[CLS]", "[SEP]"]),
                        try identifiers(["[CLS]", "film", "##ing", "好", "好", "!", "[SEP]"]),
                        try identifiers(["[CLS]", "z", "##e", "##b", "##r", "##a", "[UNK]", "[SEP]"]),
                    ].map { $0 + "\n" }.joined())
            let short = try await Program.run(model + ["--max-length", "4"], input: "the film is good\n")
            #expect(short.output == (try identifiers(["[CLS]", "the", "film", "[SEP]"])) + "\n")
        }

        @Test func inspectCheckpoint() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let sums = try await project.sums("run/checkpoints/latest")
            let outcome = try await Program.run(["inspect", project.path("run/checkpoints/latest")])
            try #require(outcome.code == 0, "\(outcome)")
            for word in ["verified", "2 layers", "hidden size 36", "mood: bad, fine, good", "yesno: no, yes", sums[0]] {
                #expect(outcome.output.contains(word), "\(word) is not in: \(outcome)")
            }
        }

        @Test func inspectPlan() async throws {
            let project = try Project()
            // 45 + 26 examples: 71 steps of 16 are 16 epochs of each task.
            let arguments = ["inspect", "plan", project.path("run.yaml"), "--steps", "71"]
            let outcome = try await Program.run(arguments)
            try #require(outcome.code == 0, "\(outcome)")
            let plans = try jsonLines(outcome.output)
            #expect(plans.compactMap { $0["step"] as? Int } == Array(1...71))
            var seen: [String: [Int]] = [:]
            for plan in plans {
                #expect(plan.names == ["shards", "step", "weights"])
                #expect(plan["weights"] as? [String: Double] == ["yesno": 1, "mood": 0.5])
                let shards = try #require(plan["shards"] as? [[[Any]]])
                #expect(shards.map(\.count) == Array(repeating: 2, count: 8))
                for example in shards.joined() {
                    seen[try #require(example[0] as? String), default: []].append(try #require(example[1] as? Int))
                }
            }
            for (task, size) in [("yesno", 45), ("mood", 26)] {
                let rows = try #require(seen[task])
                #expect(rows.count == 16 * size)
                for epoch in 0..<16 {
                    // The examples of an epoch follow one another in the order of a task's shards only by step.
                    let order = rows[epoch * size..<(epoch + 1) * size]
                    #expect(order.sorted() == Array(0..<size), "epoch \(epoch) of \(task)")
                }
            }
            let balanced = try await Program.run(arguments + ["--set", "batch.balance=tokens"])
            #expect(balanced.code == 0 && balanced.output != outcome.output, "the same plan: \(balanced)")
            let later = try await Program.run(arguments.dropLast() + ["2", "--from", "70"])
            #expect(later.output.split(separator: "\n") == outcome.output.split(separator: "\n").suffix(2))
        }

        /// Tokens and examples of each step, counted from the plan and the tokenizer, are those that the log has.
        @Test(arguments: ["none", "tokens"]) func whatIsTrainedIsThePlan(balance: String) async throws {
            let project = try Project()
            let setting = ["--set", "batch.balance=\(balance)"]
            try await project.train(into: "run", ranks: 2, setting)
            let outcome = try await Program.run(
                ["inspect", "plan", project.path("run.yaml"), "--steps", "9"] + setting)
            #expect(outcome.code == 0, "\(outcome)")
            var lengths: [String: [Int]] = [:]
            for task in ["yesno", "mood"] {
                let texts = try project.text("data/\(task).train.tsv").split(separator: "\n").dropFirst()
                    .map { $0.split(separator: "\t")[0] + "\n" }.joined()
                let tokens = try await Program.run(
                    ["tokenize", "--model", project.path("model"), "--max-length", "24"], input: texts)
                lengths[task] = tokens.output.split(separator: "\n").map { $0.split(separator: ",").count }
            }
            let steps = try project.log("run", "step")
            for (plan, step) in zip(try jsonLines(outcome.output), steps) {
                let shards = try #require(plan["shards"] as? [[[Any]]])
                let tokens = try shards.joined().reduce(0) { sum, example in
                    let (task, row) = (try #require(example[0] as? String), try #require(example[1] as? Int))
                    return sum + (lengths[task] ?? [])[row]
                }
                #expect(step["tokens"] as? Int == tokens)
                #expect(step["examples"] as? Int == shards.joined().count)
            }
            #expect(steps.count == 9)
        }
    }
}
