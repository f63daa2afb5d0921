import Foundation
import Testing

extension EndToEnd {
    /// One rank of several dies, hangs or fails, in any phase: the run ends soon, says who it was, leaves nothing behind,
    /// and goes on to the same result.
    @Suite struct Faults {
        static let watched = ["--set", "watchdog=3"]

        struct Case: Sendable, CustomTestStringConvertible {
            let phase: String
            let kind: String
            var rank = 2

            var step: Int { ["loading": 0, "step": 5, "evaluation": 4, "saving": 6, "writing": 6][phase] ?? 0 }
            var fault: String { "rank=\(rank),phase=\(phase),step=\(step),kind=\(kind)" }
            var testDescription: String { fault }

            /// How the message names the place.
            var place: String {
                switch phase {
                case "loading": "while loading"
                case "step": "in step 5"
                case "evaluation": "in the evaluation after step 4"
                default: "while saving step 6"
                }
            }

            var reason: String {
                switch kind {
                case "kill": "was killed"
                case "stop": "has not run for 3 s"
                case "spin": "has made no progress for 3 s"
                default: "a fault that MTBERT_FAULT asked for"
                }
            }
        }

        static let cases =
            ["loading", "step", "evaluation", "saving"].flatMap { phase in
                ["kill", "stop", "spin", "throw"].map { Case(phase: phase, kind: $0) }
            } + [Case(phase: "step", kind: "stop", rank: 0), Case(phase: "evaluation", kind: "spin", rank: 0)]

        @Test(arguments: cases) func theRunEndsAndGoesOn(_ test: Case) async throws {
            let project = try Project()
            let running = try Program.start(
                project.training(into: "run", Self.watched), ranks: 4, fault: test.fault)
            let outcome = try await running.end(limit: 30)
            // mpirun hands on the signal that ended a rank.
            #expect(outcome.code == (test.kind == "kill" ? 128 + SIGKILL : 70), "\(outcome)")
            try #require(outcome.errorLines.count == 1, "\(outcome)")
            for part in ["rank \(test.rank) on ", test.place, test.reason] {
                #expect(outcome.errorLines[0].contains(part), "\(outcome)")
            }
            #expect(try await waits(limit: 3) { processCount(with: project.folder) == 0 }, "processes are left behind")
            #expect(running.leftovers == [])
            try await expectSameResult(project)
        }

        /// Nobody is left who would tidy up but the ranks themselves.
        @Test(arguments: [1, 2, 4]) func theRanksTidyUpBehindAKilledMpirun(ranks: Int) async throws {
            let project = try Project()
            let running = try Program.start(
                project.training(into: "run", ["--set", "steps=1000000"]), ranks: ranks, isLaunched: true)
            #expect(try await waits(limit: 30) { project.exists("run/metrics.jsonl") })
            kill(running.identifier, SIGKILL)
            let outcome = try await running.end(limit: 10)
            #expect(outcome.code == 128 + SIGKILL)
            #expect(try await waits(limit: 10) { processCount(with: project.folder) == 0 }, "processes are left behind")
            #expect(running.leftovers == [], "\(outcome)")
        }

        /// The checkpoint that a dying or hanging rank 0 was writing does not become one.
        @Test(arguments: ["kill", "stop", "spin", "throw"]) func inTheMidstOfWriting(kind: String) async throws {
            let test = Case(phase: "writing", kind: kind, rank: 0)
            let project = try Project()
            let outcome = try await Program.run(
                project.training(into: "run", Self.watched), ranks: 2, fault: test.fault, limit: 30)
            #expect(
                outcome.code == (kind == "kill" ? 128 + SIGKILL : 70) && outcome.errorLines.count == 1, "\(outcome)")
            #expect(outcome.errorLines.first?.contains("rank 0 on ") == true, "\(outcome)")
            #expect(KillAndResume.newest(project, "run") <= (kind == "stop" ? 6 : 4))
            try await expectSameResult(project)
        }

        /// Scoring a checkpoint by itself is watched too.
        @Test(arguments: ["loading", "evaluation"], ["kill", "stop", "spin", "throw"])
        func evaluateEnds(phase: String, kind: String) async throws {
            let project = try Project()
            #expect(try await Program.run(project.training(into: "run"), ranks: 2).code == 0)
            let command = ["evaluate", project.path("run/checkpoints/step-00000009"), "--set", "watchdog=2"]
            let outcome = try await Program.run(
                command, ranks: 2, fault: "rank=1,phase=\(phase),kind=\(kind)", limit: 30)
            #expect(outcome.code == (kind == "kill" ? 128 + SIGKILL : 70), "\(outcome)")
            try #require(outcome.errorLines.count == 1, "\(outcome)")
            #expect(outcome.errorLines[0].contains("rank 1 on "), "\(outcome)")
        }

        /// So is a measurement of speed.
        @Test(arguments: ["kill", "stop", "spin", "throw"]) func benchEnds(kind: String) async throws {
            let command = ["bench", "--model", "tiny", "--steps", "1000000", "--watchdog", "2"]
            let outcome = try await Program.run(
                command, ranks: 2, fault: "rank=1,phase=step,step=5,kind=\(kind)", limit: 30)
            #expect(outcome.code == (kind == "kill" ? 128 + SIGKILL : 70), "\(outcome)")
            try #require(outcome.errorLines.count == 1, "\(outcome)")
            #expect(outcome.errorLines[0].contains("rank 1 on "), "\(outcome)")
            #expect(outcome.errorLines[0].contains("in step 5"), "\(outcome)")
        }

        /// A stop that reaches only one of the ranks, in any phase.
        @Test(arguments: [
            Case(phase: "loading", kind: "term", rank: 1), Case(phase: "step", kind: "term", rank: 1),
            Case(phase: "evaluation", kind: "term", rank: 1), Case(phase: "saving", kind: "term", rank: 1),
            Case(phase: "writing", kind: "term", rank: 0),
        ])
        func stopped(_ test: Case) async throws {
            let project = try Project()
            let outcome = try await Program.run(project.training(into: "run"), ranks: 2, fault: test.fault)
            #expect(outcome.code == 75 && outcome.errorLines.isEmpty, "\(outcome)")
            if test.phase == "loading" {
                #expect(outcome.errors.contains("stopped while loading"), "\(outcome)")
                #expect(!project.exists("run/checkpoints"))
            } else {
                let end = try #require(try project.log("run", "end").last)
                #expect(
                    end["status"] as? String == "stopped" && end["step"] as? Int == KillAndResume.newest(project, "run")
                )
                let first = ["step": 4, "evaluation": 4, "saving": 6][test.phase]
                #expect(first == nil || end["step"] as? Int == first, "at the next shard boundary, not later")
            }
            try await expectSameResult(project)
        }

        /// After the last step, the evaluation and the test scores are still owed.
        @Test(arguments: ["evaluation", "saving"]) func stoppedAtTheEnd(phase: String) async throws {
            let project = try Project()
            let fault = "rank=1,phase=\(phase),step=9,kind=term"
            let outcome = try await Program.run(project.training(into: "run"), ranks: 2, fault: fault)
            #expect(outcome.code == 75, "\(outcome)")
            try await expectSameResult(project)
            try await expectSameResult(project)
        }

        /// As by a program that writes a file anew in its place.
        @Test func aFileThatIsCutShortWhileItIsRead() async throws {
            let project = try Project()
            let rows = String(repeating: "the film is good\tgood\nthe film\tbad\nnot\tfine\n", count: 20_000)
            try project.write("data/mood.train.tsv", "text\tlabel\n" + rows)
            let running = try Program.start(project.training(into: "run", ["--set", "steps=100000"]), ranks: 2)
            #expect(try await waits(limit: 60) { (try? project.log("run", "step").count) ?? 0 >= 3 })
            let file = try #require(FileHandle(forWritingAtPath: project.path("data/mood.train.tsv")))
            try file.truncate(atOffset: 100)
            let outcome = try await running.end(limit: 60)
            #expect(outcome.code == 70, "\(outcome)")
            #expect(outcome.errors.contains("was cut short while it was read"), "\(outcome)")
        }

        @Test func aTimeLimit() async throws {
            let project = try Project()
            let long = ["--set", "steps=100000", "--set", "evaluation.every=0", "--set", "checkpoint.every=0"]
            let outcome = try await Program.run(
                project.training(into: "run", long + ["--time-limit", "00:00:02"]), ranks: 2, limit: 30)
            #expect(outcome.code == 75, "\(outcome)")
            let end = try #require(try project.log("run", "end").last?["step"] as? Int)
            #expect(end == KillAndResume.newest(project, "run") && end > 0)
        }

        /// A slow disk is no failure, in loading nor in saving.
        @Test(arguments: ["loading", "saving", "writing"]) func aSlowDisk(phase: String) async throws {
            let project = try Project()
            let fault = "rank=0,phase=\(phase),step=\(phase == "loading" ? 0 : 6),kind=sleep,seconds=4"
            let outcome = try await Program.run(
                project.training(into: "run", ["--set", "watchdog=1"]), ranks: 2, fault: fault)
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.errors.contains("rank 0 on ") && outcome.errors.contains("s for a disk"), "\(outcome)")
        }

        /// A job that is suspended as a whole and continued later has no culprit.
        @Test func aSuspendedJob() async throws {
            let project = try Project()
            let running = try Program.start(
                project.training(into: "run", KillAndResume.long + ["--set", "watchdog=1"]), ranks: 2)
            #expect(try await waits(limit: 60) { (try? project.log("run", "step").count) ?? 0 >= 5 })
            let processes = running.descendants()
            for process in processes { kill(process, SIGSTOP) }
            try await Task.sleep(for: .seconds(3))
            for process in processes { kill(process, SIGCONT) }
            let outcome = try await running.end(limit: 60)
            #expect(outcome.code == 0, "\(outcome)")
        }

        /// One rank's gradient is spoiled once: that update is left out everywhere, the next one is not.
        @Test func aSpoiledGradient() async throws {
            let project = try Project()
            var sums: [[String]] = []
            for ranks in [2, 4] {
                let output = "on\(ranks)"
                let outcome = try await Program.run(
                    project.training(into: output), ranks: ranks, fault: "rank=1,phase=step,step=4,kind=nan")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try project.log(output, "skipped").compactMap { $0["step"] as? Int } == [4])
                #expect(try project.log(output, "step").compactMap { $0["step"] as? Int } == [1, 2, 3, 5, 6, 7, 8, 9])
                sums.append(try await project.sums(output + "/checkpoints/latest"))
            }
            #expect(sums[0] == sums[1])
        }

        @Test func aSpoiledStateIsNotSaved() async throws {
            let project = try Project()
            let outcome = try await Program.run(
                project.training(into: "run"), ranks: 2, fault: "rank=0,phase=saving,step=6,kind=nan")
            BadInput.expect(outcome, 70, ["checkpoint of step 6", "not finite", "Older ones stand"])
            #expect(try !project.names(in: "run/checkpoints").contains { $0.contains("6") || $0.hasPrefix(".") })
            try await expectSameResult(project)
        }

        /// The run goes on without the fault, to the result of one that was never disturbed.
        private func expectSameResult(_ project: Project) async throws {
            if !project.exists("undisturbed") { try await project.train(into: "undisturbed", ranks: 2) }
            try await project.train(into: "run", ranks: 2)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            #expect(try await project.sums("run/checkpoints/latest") == expected)
            #expect(try SameBits.exactLog(project, "run") == SameBits.exactLog(project, "undisturbed"))
            #expect(try !project.names(in: "run/checkpoints").contains { $0.hasPrefix(".") })
            let best = try project.log("undisturbed", "end").last?.object("best")
            #expect(try project.log("run", "end").last?.object("best") as NSDictionary? == best as NSDictionary?)
        }
    }
}
