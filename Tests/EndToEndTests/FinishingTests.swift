import Foundation
import Testing

extension EndToEnd {
    /// Each task by itself behind joint training.
    @Suite struct Finishing {

        private func finishedScores(_ project: Project, _ output: String) throws -> [String] {
            let events = try project.log(output, "evaluation").filter { $0["split"] as? String == "test_finished" }
            return try events.map { event in
                var event = event
                event["seconds"] = nil
                return try canonicalJSON(event)
            }
        }

        @Test func theSameOnAnyRanksAndAfterARestart() async throws {
            let project = try Project()
            let keys = ["--set", "steps=4", "--set", "finishing.epochs=2", "--set", "finishing.learning_rate=5.0e-4"]
            try await project.train(into: "one", keys)
            let expected = try finishedScores(project, "one")
            #expect(expected.count == 1)
            // The end comes last.
            #expect(try project.log("one").last?["event"] as? String == "end")
            try await project.train(into: "four", ranks: 4, keys)
            #expect(try finishedScores(project, "four") == expected)
            for task in ["yesno", "mood"] {
                let link = "finished/\(task)/model"
                let sums = try await project.sums("one/" + link)
                #expect(try await project.sums("four/" + link) == sums, "\(task)")
                let target = try FileManager.default.destinationOfSymbolicLink(atPath: project.path("one/" + link))
                #expect(["checkpoints/", "../../checkpoints/"].contains { target.hasPrefix($0) })
            }
            // A finished run that is started again, and one that is stopped on the way, come to the same.
            try await project.train(into: "one", ranks: 2, keys)
            #expect(try finishedScores(project, "one") == expected)
            let stopped = try await Program.run(
                project.training(into: "stopped", keys), fault: "rank=0,phase=step,step=5,kind=term")
            #expect(stopped.code == 75, "\(stopped)")
            #expect(try finishedScores(project, "stopped").isEmpty)
            #expect(try project.log("stopped", "end").last?["status"] as? String == "stopped")
            try await project.train(into: "stopped", keys)
            #expect(try finishedScores(project, "stopped") == expected)
        }

        @Test func aRunMayBeFinishedLaterAndOtherwise() async throws {
            let project = try Project()
            try await project.train(into: "run")
            #expect(!project.exists("run/finished"))
            try await project.train(into: "run", ["--set", "finishing.epochs=1"])
            #expect(try finishedScores(project, "run").count == 1)
            // From a later checkpoint of a run that went on, and at another learning rate: as if it were the first time.
            let other = ["--set", "steps=12", "--set", "finishing.epochs=1", "--set", "finishing.learning_rate=1.0e-4"]
            try await project.train(into: "run", other)
            let found = try #require(try finishedScores(project, "run").last)
            try await project.train(into: "prolonged", ["--set", "steps=9"])
            try await project.train(into: "prolonged", other)
            #expect(try finishedScores(project, "prolonged") == [found])
        }

        /// Only one rank knows of it, since each run is on a rank by itself.
        @Test func aFailureEndsAllRanks() async throws {
            let project = try Project()
            for name in ["run/finished/yesno", "run/finished/mood"] {
                try FileManager.default.createDirectory(atPath: project.path(name), withIntermediateDirectories: true)
            }
            try project.write("run/finished/mood/thesis.txt", "precious")
            try await project.train(into: "other")
            try project.write("run/run.yaml", try project.text("other/run.yaml"))
            let outcome = try await Program.run(
                project.training(into: "run", ["--set", "finishing.epochs=1"]), ranks: 2)
            #expect(!outcome.isTimedOut && outcome.code == 64, "\(outcome)")
            #expect(
                outcome.errorLines.count == 1 && outcome.errorLines[0].contains("training mood by itself: ")
                    && outcome.errorLines[0].contains("no run.yaml"), "\(outcome)")
            #expect(try project.names(in: "run/finished/mood") == ["thesis.txt"])
        }

        /// Whether it does any good is not known.
        @Test func aTaskWithoutADevFileKeepsTheJointModel() async throws {
            let project = try Project()
            try project.replace("    dev: data/mood.dev.tsv\n", with: "", in: "run.yaml")
            try await project.train(into: "run", ["--set", "finishing.epochs=1"])
            let target = try FileManager.default.destinationOfSymbolicLink(
                atPath: project.path("run/finished/mood/model"))
            #expect(target == "../../checkpoints/step-00000009")
        }
    }
}
