import Foundation
import Testing

extension EndToEnd {
    /// Standard input and output that do not work.
    @Suite struct Streams {
        /// Runs the program with redirections, as a shell does them.
        private func run(_ arguments: [String], _ redirections: String) async throws -> Program.Outcome {
            try await RunningProgram(
                "/bin/bash", ["-c", "exec \"$0\" \"$@\" \(redirections)", try Program.path()] + arguments
            ).end(limit: 60)
        }

        @Test func outputThatIsLostIsAnError() async throws {
            let project = try Project()
            try await project.train(into: "run")
            let checkpoint = project.path("run/checkpoints/latest")
            try project.write("texts", String(repeating: "the film\n", count: 2000))
            let texts = "< " + project.path("texts")
            for (arguments, input) in [
                (["predict", checkpoint, "--task", "mood"], texts),
                (["tokenize", "--model", project.path("model")], texts),
                (["inspect", checkpoint], ""), (["inspect", "plan", project.path("run.yaml")], ""),
                (["train", "--keys"], ""), (["evaluate", checkpoint, "--json"], ""),
                (CompareCommand.arguments(project, into: "compared"), ""),
                (CompareCommand.arguments(project, into: "compared", ["--json"]), ""),
            ] {
                for output in [">/dev/full", ">&-"] {
                    let outcome = try await run(arguments, "\(input) \(output)")
                    #expect(outcome.code == 70 && outcome.errorLines.count == 1, "\(outcome)")
                    #expect(outcome.errors.contains("standard output cannot be written: "), "\(outcome)")
                }
            }
        }

        @Test func inputThatCannotBeReadIsAnError() async throws {
            let project = try Project()
            try await project.train(into: "run")
            for arguments in [
                ["predict", project.path("run/checkpoints/latest"), "--task", "mood"],
                ["tokenize", "--model", project.path("model")],
            ] {
                for input in ["< " + project.folder, "<&-"] {
                    let outcome = try await run(arguments, input)
                    #expect(outcome.code == 70 && outcome.errorLines.count == 1, "\(outcome)")
                    #expect(outcome.errors.contains("standard input cannot be read: "), "\(outcome)")
                }
            }
        }

        /// Files that a run opens must not take the places of its output.
        @Test func closedStreamsDoNotEndUpInFiles() async throws {
            let project = try Project()
            let outcome = try await run(project.training(into: "run"), "<&- >&- 2>&-")
            #expect(outcome.code == 0, "\(outcome)")
            #expect(try project.log("run").count > 10)
        }
    }
}
