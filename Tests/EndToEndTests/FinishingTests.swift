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
            try await project.train(into: "stopped", keys)
            #expect(try finishedScores(project, "stopped") == expected)
        }

        @Test func aRunMayBeFinishedLater() async throws {
            let project = try Project()
            try await project.train(into: "run")
            #expect(!project.exists("run/finished"))
            try await project.train(into: "run", ["--set", "finishing.epochs=1"])
            #expect(try finishedScores(project, "run").count == 1)
        }
    }
}
