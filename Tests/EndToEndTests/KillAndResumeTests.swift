import Foundation
import Testing

extension EndToEnd {
    /// Runs that are cut off, and go on.
    @Suite struct KillAndResume {
        /// Enough steps that a signal arrives on the way, evaluations among them.
        static let long = ["--set", "steps=240", "--set", "checkpoint.every=20", "--set", "evaluation.every=50"]

        /// Trains until a checkpoint of `step` or a later one is there, and then kills every process at once.
        static func trainAndKill(
            _ project: Project, into output: String, ranks: Int, behind step: Int, _ more: [String] = []
        ) async throws {
            let running = try Program.start(project.training(into: output, long + more), ranks: ranks)
            let isThere = try await waits(limit: 60) {
                newest(project, output) >= step || !running.isRunning
            }
            running.killTree()
            let outcome = try await running.end(limit: 20)
            try #require(isThere && outcome.code == 128 + SIGKILL, "\(outcome)")
        }

        /// The step of a run's newest checkpoint; -1 where it has none.
        static func newest(_ project: Project, _ output: String) -> Int {
            let names = (try? project.names(in: output + "/checkpoints")) ?? []
            return names.compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }.max() ?? -1
        }

        static func expectWholeLog(_ project: Project, _ output: String, like other: String) throws {
            #expect(try project.log(output, "step").compactMap { $0["step"] as? Int } == Array(1...240))
            #expect(try SameBits.exactLog(project, output) == SameBits.exactLog(project, other))
            #expect(try project.log(output, "end").count == 1)
        }

        @Test func killedAgainAndAgain() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed", ranks: 2, Self.long)
            let expected = try await project.sums("undisturbed/checkpoints/latest")

            try await Self.trainAndKill(project, into: "killed", ranks: 2, behind: 20)
            try await Self.trainAndKill(project, into: "killed", ranks: 4, behind: 80)
            try await Self.trainAndKill(project, into: "killed", ranks: 1, behind: 140, ["--threads", "2"])
            #expect(Self.newest(project, "killed") < 240, "the run was too fast to be killed")
            try await project.train(into: "killed", ranks: 8, Self.long + ["--exchange", "messages"])

            #expect(try await project.sums("killed/checkpoints/latest") == expected)
            try Self.expectWholeLog(project, "killed", like: "undisturbed")
            #expect(try project.log("killed", "resume").compactMap { $0["world_size"] as? Int } == [4, 1, 8])
            let leftovers = try project.names(in: "killed/checkpoints").filter { $0.hasPrefix(".") }
            #expect(leftovers == [])
        }

        /// A signal, and who gets it.
        struct Request: Sendable {
            let signal: Int32
            let ranks: Int
            /// One of the ranks instead of `mpirun`.
            var isToOneRank = false
            var isDeaf = false
        }

        @Test func aFolderInUse() async throws {
            let project = try Project()
            let running = try Program.start(project.training(into: "busy", Self.long), ranks: 2)
            #expect(try await waits(limit: 60) { (try? project.log("busy", "step").count) ?? 0 >= 5 })
            kill(running.identifier, SIGSTOP)
            for process in running.descendants() { kill(process, SIGSTOP) }
            let second = try await Program.run(project.training(into: "busy", Self.long))
            #expect(second.code == 64 && second.errors.contains("another run is writing into"), "\(second)")
            for process in running.descendants() { kill(process, SIGCONT) }
            kill(running.identifier, SIGCONT)
            #expect(try await running.end(limit: 60).code == 0)
        }

        static let requests = [
            Request(signal: SIGTERM, ranks: 1), Request(signal: SIGUSR1, ranks: 1, isDeaf: true),
            Request(signal: SIGUSR1, ranks: 2), Request(signal: SIGTERM, ranks: 2, isToOneRank: true),
        ]

        @Test(arguments: requests) func stopped(_ request: Request) async throws {
            let project = try Project()
            let (ranks, long) = (request.ranks, Self.long)
            try await project.train(into: "undisturbed", ranks: ranks, long)
            let running = try Program.start(
                project.training(into: "stopped", long), ranks: ranks, isDeaf: request.isDeaf)
            #expect(try await waits(limit: 60) { (try? project.log("stopped", "step").count) ?? 0 >= 30 })
            let target = request.isToOneRank ? running.descendants().last : running.identifier
            kill(try #require(target), request.signal)
            let outcome = try await running.end(limit: 30)
            #expect(outcome.code == 75, "\(outcome)")
            let end = try #require(try project.log("stopped", "end").last)
            #expect(end["status"] as? String == "stopped")
            #expect(end["step"] as? Int == Self.newest(project, "stopped"))

            try await project.train(into: "stopped", ranks: 3 - ranks, long)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            #expect(try await project.sums("stopped/checkpoints/latest") == expected)
            #expect(try project.log("stopped", "step").compactMap { $0["step"] as? Int } == Array(1...240))
        }

        @Test func killedBeforeTheFirstCheckpoint() async throws {
            let project = try Project()
            let late = ["--set", "steps=240", "--set", "evaluation.every=1000", "--set", "checkpoint.every=230"]
            try await project.train(into: "undisturbed", late)
            let running = try Program.start(project.training(into: "killed", late))
            #expect(try await waits(limit: 60) { (try? project.log("killed", "step").count) ?? 0 >= 20 })
            running.killTree()
            #expect(try await running.end(limit: 20).code == 128 + SIGKILL)
            #expect(Self.newest(project, "killed") == -1)
            // What a killed run may leave of a checkpoint that it was writing.
            let leftover = project.path("killed/checkpoints/.tmp-step-00000230-0123456789abcdef")
            try FileManager.default.createDirectory(atPath: leftover, withIntermediateDirectories: true)

            try await project.train(into: "killed", ranks: 2, late)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            #expect(try await project.sums("killed/checkpoints/latest") == expected)
            #expect(try project.log("killed", "step").compactMap { $0["step"] as? Int } == Array(1...240))
            #expect(!FileManager.default.fileExists(atPath: leftover))
        }

        /// Numbers beyond all bounds: every update is left out, on every rank alike, until the run gives up.
        @Test func withoutFiniteNumbers() async throws {
            let project = try Project()
            var sums: [[String]] = []
            for ranks in [1, 4] {
                let output = "on\(ranks)"
                let outcome = try await Program.run(
                    project.training(
                        into: output,
                        ["optimizer.learning_rate=1.0e+30", "steps=40", "max_skipped_steps=5", "checkpoint.every=1"]
                            .flatMap { ["--set", $0] }), ranks: ranks)
                BadInput.expect(outcome, 70, ["not finite in 5 steps in a row"])
                let skipped = try project.log(output, "skipped")
                #expect(skipped.suffix(5).compactMap { $0["in_a_row"] as? Int } == Array(1...5))
                #expect((skipped.last?["examples"] as? [Any])?.count == 16)
                let last = try #require(skipped.last?["step"] as? Int)
                #expect(
                    Self.newest(project, output) == last - 1, "the checkpoint of the step before was begun: it stands")
                sums.append(try await project.sums(output + "/checkpoints/latest"))
            }
            #expect(sums[0] == sums[1])
        }

        /// A file that may not grow to the size of the weights, as on a full disk.
        @Test func aDiskThatIsFull() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let expected = try await project.sums("run/checkpoints/latest")
            let names = try project.names(in: "run/checkpoints")
            let limited = ["-c", "trap '' XFSZ; ulimit -f 60; exec \"$0\" \"$@\"", try Program.path()]
            let third = ["--resume", project.path("run/checkpoints/step-00000003")]
            let outcome = try await RunningProgram("/bin/bash", limited + project.training(into: "run", third))
                .end(limit: 60)
            BadInput.expect(outcome, 70, ["checkpoint of step", "model.safetensors", "File too large"])
            #expect(try project.names(in: "run/checkpoints") == names, "the older ones, and nothing half")

            try await project.train(into: "run", ranks: 2, third)
            #expect(try await project.sums("run/checkpoints/latest") == expected)
            #expect(try project.log("run", "step").compactMap { $0["step"] as? Int } == Array(1...9))
        }

        @Test func aDamagedCheckpointIsPassedOver() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let expected = try await project.sums("run/checkpoints/latest")
            let steps = try project.names(in: "run/checkpoints").compactMap { Int($0.dropFirst("step-".count)) }
            let next = try #require(steps.filter { $0 < 9 }.max())
            for damage in ["model.safetensors", "trainer_state.json", "SHA256SUMS"] {
                var bytes = try Data(contentsOf: URL(fileURLWithPath: project.path("run/checkpoints/latest/\(damage)")))
                bytes[bytes.count / 2] ^= 1
                try project.write("run/checkpoints/latest/\(damage)", bytes)
                let outcome = try await project.train(into: "run", ranks: 2)
                let lines = outcome.errors.split(separator: "\n").filter { $0.contains("passed over") }
                #expect(lines.count == 1 && lines[0].contains("step-00000009"), "\(outcome)")
                #expect(try project.log("run", "resume").last?["step"] as? Int == next)
                #expect(try await project.sums("run/checkpoints/latest") == expected)
                #expect(try project.log("run", "step").compactMap { $0["step"] as? Int } == Array(1...9))
            }
        }

        @Test func fromANamedCheckpoint() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let expected = try await project.sums("run/checkpoints/latest")
            let third = ["--resume", project.path("run/checkpoints/step-00000003")]
            try await project.train(into: "run", ranks: 4, third)
            #expect(try project.log("run", "resume").last?["step"] as? Int == 3)
            #expect(try await project.sums("run/checkpoints/latest") == expected)
            #expect(try project.log("run", "step").compactMap { $0["step"] as? Int } == Array(1...9))

            try await project.train(into: "another", ranks: 2, third)
            #expect(try await project.sums("another/checkpoints/latest") == expected)
            #expect(try project.log("another", "step").compactMap { $0["step"] as? Int } == Array(4...9))
        }

        @Test func aFinishedRunHasNothingToDo() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let expected = try await project.sums("run/checkpoints/latest")
            try await project.train(into: "run", ranks: 2)
            #expect(try await project.sums("run/checkpoints/latest") == expected)
            #expect(try project.log("run", "step").compactMap { $0["step"] as? Int } == Array(1...9))
        }

        /// Longer than it was meant to be: the schedule is another one then, so only that it works is looked at.
        @Test func goesOnBeyondItsEnd() async throws {
            let project = try Project()
            try await project.train(into: "run")
            try await project.train(into: "run", ["--set", "steps=12"])
            #expect(try project.log("run", "step").compactMap { $0["step"] as? Int } == Array(1...12))
            #expect(try project.log("run", "end").last?["step"] as? Int == 12)
        }
    }
}
