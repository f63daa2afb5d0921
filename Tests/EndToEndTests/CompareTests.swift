import Foundation
import Testing

extension EndToEnd {
    /// Joint training held against single-task training.
    @Suite struct CompareCommand {
        /// Two seeds of both tasks alone, together, and in one variant: eight short runs.
        static func arguments(_ project: Project, into output: String, _ more: [String] = []) -> [String] {
            let own = ["--seeds", "1,2", "--fractions", "20", "--set", "epochs=2", "--threads", "1"]
            let variant = ["--variant", "even: sampling.strategy=uniform"]
            return ["compare", project.path("run.yaml"), "--output", project.path(output)] + own + variant + more
        }

        /// `comparison.json` without what tells the time.
        static func results(_ project: Project, _ output: String) throws -> String {
            let data = Data(try project.text(output + "/comparison.json").utf8)
            func timeless(_ value: Any) -> Any {
                switch value {
                case let object as [String: Any]:
                    object.filter { !["core_seconds", "cost_ratio"].contains($0.key) }.mapValues(timeless)
                case let list as [Any]: list.map(timeless)
                default: value
                }
            }
            let object = try JSONSerialization.jsonObject(with: data)
            return try canonicalJSON(try #require(timeless(object) as? [String: Any]))
        }

        @Test func theSameOnAnyRanksAndBehindAnyStop() async throws {
            let project = try Project()
            let outcome = try await Program.run(Self.arguments(project, into: "one"))
            try #require(outcome.code == 0, "\(outcome)")
            #expect(outcome.output.contains("single") && outcome.output.contains("even"), "\(outcome)")
            #expect(outcome.errors.contains("[8/8]"), "\(outcome)")
            let expected = try Self.results(project, "one")
            #expect(!project.exists("one/runs/joint/20/seed-1/checkpoints"))
            let names = try FileManager.default.contentsOfDirectory(atPath: project.path("one")).sorted()
            #expect(names == ["comparison.json", "report.html", "runs"])

            let parallel = try await Program.run(Self.arguments(project, into: "two"), ranks: 2)
            #expect(parallel.code == 0, "\(parallel)")
            #expect(try Self.results(project, "two") == expected)

            // Within a run of both tasks: asked to, and without warning.
            for (fault, code) in [("kind=term,step=4", 75), ("kind=kill,step=5", 128 + SIGKILL)] {
                let output = "after\(code)"
                let cut = try await Program.run(
                    Self.arguments(project, into: output), fault: "rank=0,phase=step,\(fault)")
                #expect(cut.code == code, "\(cut)")
                let folder = output + "/runs/joint/20/seed-1"
                #expect(code != 75 || project.exists(folder + "/checkpoints/latest"), "\(cut)")
                let rest = try await Program.run(Self.arguments(project, into: output), ranks: 2)
                #expect(rest.code == 0, "\(rest)")
                #expect(try Self.results(project, output) == expected)
                #expect(try code != 75 || project.log(folder, "resume").count == 1)
            }
        }

        /// Test rows that are also trained on, in a second set of scores.
        @Test func withoutSomeTestRows() async throws {
            let project = try Project()
            try project.write("data/leaked.txt", "# rows\n0\n5\n36\n")
            let leaked = ["--set", "tasks.yesno.test_excludes=" + project.path("data/leaked.txt")]
            let header = try project.text("data/yesno.test.tsv").split(separator: "\n")
            let rest = header.enumerated().filter { ![1, 6, 37].contains($0.offset) }.map(\.element)
            try project.write("data/rest.tsv", rest.joined(separator: "\n") + "\n")
            try await project.train(into: "run", ranks: 2, leaked)
            let without = ["--set", "tasks.yesno.test=" + project.path("data/rest.tsv")]
            try await project.train(into: "rest", without)
            let scores = try project.log("run", "evaluation").filter { $0["split"] as? String != "dev" }
            let expected = try project.log("rest", "evaluation").filter { $0["split"] as? String == "test" }
            #expect(scores.compactMap { $0["split"] as? String } == ["test", "test_without_excluded"])
            #expect(scores.last?.object("tasks").object("yesno")["count"] as? Int == 34)
            for task in ["yesno", "mood"] {
                for key in ["count", "accuracy", "macro_f1", "matthews"] {
                    let (own, other) = (scores.last, expected.last)
                    #expect(
                        own?.object("tasks").object(task)[key] as? Double
                            == other?.object("tasks").object(task)[key] as? Double, "\(task) \(key)")
                }
            }

            let outcome = try await Program.run(Self.arguments(project, into: "compared", leaked), ranks: 2)
            try #require(outcome.code == 0, "\(outcome)")
            let file = try project.text("compared/comparison.json")
            let json = try #require(try JSONSerialization.jsonObject(with: Data(file.utf8)) as? [String: Any])
            #expect((json["summaries_without_excluded"] as? [Any])?.count == 3)
        }

        /// More ranks than runs: each run on several.
        @Test func groupsOfRanks() async throws {
            let project = try Project()
            let short = ["--seeds", "7", "--set", "epochs=1"]
            let arguments = ["compare", project.path("run.yaml")] + short
            let one = try await Program.run(arguments + ["--output", project.path("one")])
            let many = try await Program.run(arguments + ["--output", project.path("many")], ranks: 8)
            #expect(one.code == 0 && many.code == 0, "\(one)\n\(many)")
            #expect(many.errors.contains("3 at once, each on 2 ranks"), "\(many)")
            #expect(try Self.results(project, "many") == Self.results(project, "one"))
        }

        @Test func finishedRunsStay() async throws {
            let project = try Project()
            let arguments = Self.arguments(project, into: "out")
            #expect(try await Program.run(arguments).code == 0)
            let expected = try Self.results(project, "out")

            let again = try await Program.run(arguments)
            #expect(again.code == 0 && again.errors.contains("8 of them done already"), "\(again)")
            #expect(!again.errors.contains("[8/8]"))

            try project.write("out/runs/joint/20/seed-2/result.json", "{\"version\": 1")
            let damaged = try await Program.run(arguments)
            #expect(damaged.code == 0 && damaged.errors.contains("result.json is damaged"), "\(damaged)")
            #expect(damaged.errors.contains("[8/8] joint"), "\(damaged)")
            #expect(try Self.results(project, "out") == expected)

            for (more, difference) in [
                (["--set", "optimizer.learning_rate=0.5"], "optimizer.learning_rate is 0.5 here and 0.001 there"),
                (["--set", "epochs=3"], "epochs is 3.0 here and 2.0 there"),
                (["--score-at", "best"], "--score-at is best here"),
            ] {
                let other = try await Program.run(arguments + more)
                BadInput.expect(other, 64, [difference])
            }
            #expect(try Self.results(project, "out") == expected)
            let text = try project.text("data/yesno.test.tsv")
            try project.write("data/yesno.test.tsv", text + "the film\tyes\n")
            BadInput.expect(try await Program.run(arguments), 64, ["have changed since", "yesno"])
        }

        @Test func theBestCheckpoint() async throws {
            let project = try Project()
            let arguments = Self.arguments(project, into: "out", ["--score-at", "best", "--keep-models", "--json"])
            let outcome = try await Program.run(arguments)
            try #require(outcome.code == 0, "\(outcome)")
            let json = try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            let runs = try #require(json["runs"] as? [[String: Any]])
            for run in runs {
                let folder = try #require(run["folder"] as? String)
                let best = try await Program.run(["evaluate", project.path("out/\(folder)/checkpoints/best"), "--json"])
                let scores = try #require(try jsonLines(best.output).first)
                #expect(run["scored_step"] as? Int == scores["step"] as? Int)
                for task in try #require(run["tasks"] as? [[String: Any]]) {
                    let name = try #require(task["name"] as? String)
                    let accuracy = scores.object("tasks").object(name)["accuracy"] as? Double
                    #expect(task.object("scores")["accuracy"] as? Double == accuracy)
                }
            }
        }

        @Test(arguments: [("throw", 70), ("kill", 128 + SIGKILL)])
        func aFailureEndsAllRanks(_ kind: String, _ code: Int32) async throws {
            let project = try Project()
            let outcome = try await Program.run(
                Self.arguments(project, into: "out"), ranks: 2, fault: "rank=1,phase=step,step=3,kind=\(kind)")
            #expect(!outcome.isTimedOut && outcome.code == code, "\(outcome)")
            #expect(outcome.errorLines.count == 1 && outcome.errorLines[0].contains("rank 1 on"), "\(outcome)")
        }

        /// What a run that was killed while it replaced a file leaves, and a file that is none of ours.
        @Test func halfWrittenFilesAreCleared() async throws {
            let project = try Project()
            let arguments = ["compare", project.path("run.yaml"), "--seeds", "7", "--set", "epochs=1"]
            try FileManager.default.createDirectory(atPath: project.path("out"), withIntermediateDirectories: true)
            for name in ["report.html.tmp", "comparison.json.tmp-0123456789abcdef"] {
                try project.write("out/" + name, "half")
            }
            let outcome = try await Program.run(arguments + ["--output", project.path("out")])
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try project.names(in: "out") == ["comparison.json", "report.html", "runs"])
        }

        @Test func mistakes() async throws {
            let project = try Project()
            for (more, words) in [
                (["--set", "steps=9"], ["would not be fair", "epochs"]),
                (["--variant", "joint: dropout=0"], ["the name is joint"]),
                (["--variant", "even: dropout=0"], ["two variants are called even"]),
                (["--variant", "odd"], ["write it as 'NAME: key=value key=value'"]),
                (["--variant", "odd: sampling.strateg=x"], ["variant odd", "sampling.strategy"]),
                (["--variant", "odd: tasks.mood.limit=3"], ["variant odd changes tasks"]),
                (["--seeds", "1,1"], ["--seeds is 1,1"]), (["--fractions", "0"], ["--fractions is 0"]),
                (["--score-at", "first"], ["last or best"]),
                (["--set", "compare.confidence=2"], ["compare.confidence is 2", "from 0.5 to 0.999"]),
                (["--set", "compare.sedes=[1]"], ["compare.seeds"]),
            ] {
                let outcome = try await Program.run(Self.arguments(project, into: "out", more))
                BadInput.expect(outcome, 64, words)
            }
            #expect(!project.exists("out"))
            let other = try await Program.run(Self.arguments(project, into: "data"))
            BadInput.expect(other, 64, ["no folder of a comparison"])
        }
    }
}
