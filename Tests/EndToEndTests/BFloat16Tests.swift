import Foundation
import Testing

extension EndToEnd {
    /// What holds in single precision holds where products take bfloat16, here with emulation where the processor has no
    /// instructions for them.
    @Suite struct BFloat16 {
        static let precision = ["--set", "precision=bf16-emulated"]

        @Test func sameBitsOnAnyRanksAndThreads() async throws {
            let project = try Project()
            try await project.train(into: "single")
            try await project.train(into: "one", Self.precision)
            let expected = try await project.sums("one/checkpoints/latest")
            #expect(try await project.sums("single/checkpoints/latest") != expected)
            let log = try SameBits.exactLog(project, "one")
            let ways = [
                SameBits.Way(ranks: 1, threads: 2), .init(ranks: 2), .init(ranks: 2, threads: 2, exchange: "messages"),
                .init(ranks: 4), .init(ranks: 4, threads: 2), .init(ranks: 8),
            ]
            for (number, way) in ways.enumerated() {
                try await project.train(into: "other\(number)", ranks: way.ranks, way.arguments + Self.precision)
                #expect(try await project.sums("other\(number)/checkpoints/latest") == expected, "\(way)")
                #expect(try SameBits.exactLog(project, "other\(number)") == log, "\(way)")
            }
        }

        @Test func killedAndResumedOnOtherRanks() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed", ranks: 2, KillAndResume.long + Self.precision)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            try await KillAndResume.trainAndKill(project, into: "killed", ranks: 2, behind: 20, Self.precision)
            try await KillAndResume.trainAndKill(project, into: "killed", ranks: 4, behind: 100, Self.precision)
            try await project.train(
                into: "killed", ranks: 1, KillAndResume.long + Self.precision + ["--threads", "2"])
            #expect(try await project.sums("killed/checkpoints/latest") == expected)
            try KillAndResume.expectWholeLog(project, "killed", like: "undisturbed")
        }

        /// The precision is a part of the run: it is saved with it, and stays.
        @Test func anotherPrecisionIsAnotherRun() async throws {
            let project = try Project()
            try await project.train(into: "run", ["--set", "steps=3"] + Self.precision)
            #expect(try project.text("run/run.yaml").contains("precision: bf16-emulated\n"))
            let start = try project.log("run", "start").first
            #expect(start?["precision"] as? String == "bf16-emulated")
            let outcome = try await Program.run(project.training(into: "run", ["--set", "steps=6"]))
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("precision is fp32 here and bf16-emulated there"), "\(outcome)")
        }
    }
}
