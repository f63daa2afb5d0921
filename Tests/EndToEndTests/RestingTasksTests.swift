import Foundation
import Testing

extension EndToEnd {
    /// Tasks that get no better are trained no more, and each keeps its best.
    @Suite struct RestingTasks {
        private static let settings = [
            "steps=40", "evaluation.every=2", "evaluation.patience=2", "checkpoint.every=0", "checkpoint.keep=1",
            "checkpoint.best_per_task=true", "optimizer.learning_rate=5.0e-3",
        ].flatMap { ["--set", $0] }

        /// The tasks of each step, and the evaluations without a gain that each task had behind it.
        @Test func aTaskWithoutGainRests() async throws {
            let project = try Project()
            try await project.train(into: "one", Self.settings)
            var best: [String: Double] = [:]
            var since = ["yesno": 0, "mood": 0]
            var rests = 0
            for event in try project.log("one") {
                let tasks = event.object("tasks")
                switch event["event"] as? String {
                case "step":
                    let resting = Set(since.filter { $0.value >= 2 }.keys)
                    rests += resting.count
                    #expect(resting.isDisjoint(with: tasks.keys), "step \(event["step"] ?? "")")
                case "evaluation" where event["split"] as? String == "dev":
                    for task in since.keys {
                        let accuracy = tasks.object(task)["accuracy"] as? Double ?? -1
                        let isBetter = accuracy > best[task] ?? -1
                        since[task] = isBetter ? 0 : (since[task] ?? 0) + 1
                        if isBetter { best[task] = accuracy }
                    }
                default: break
                }
            }
            #expect(rests > 0)
            let end = try #require(try project.log("one", "end").last)
            let last = try #require(end["step"] as? Int)
            #expect(since.values.allSatisfy { $0 >= 2 } == (last < 40), "\(since), step \(last)")

            try await project.train(into: "four", ranks: 4, Self.settings)
            #expect(try SameBits.exactLog(project, "four") == SameBits.exactLog(project, "one"))
            let sums = try await project.sums("one/checkpoints/latest")
            #expect(try await project.sums("four/checkpoints/latest") == sums)

            let killed = try await Program.run(
                project.training(into: "killed", Self.settings), fault: "rank=0,phase=step,step=7,kind=term")
            #expect(killed.code == 75, "\(killed)")
            try await project.train(into: "killed", ranks: 2, Self.settings)
            #expect(try await project.sums("killed/checkpoints/latest") == sums)

            for task in ["yesno", "mood"] {
                let scored = try await Program.run(
                    ["evaluate", project.path("one/checkpoints/best-\(task)"), "--split", "dev", "--json"])
                let tasks = try #require(try jsonLines(scored.output).first).object("tasks")
                #expect(tasks.object(task)["accuracy"] as? Double == best[task], "\(scored)")
            }
        }
    }
}
