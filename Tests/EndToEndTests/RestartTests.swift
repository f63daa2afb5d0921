import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

/// Whether run.sh takes the program as it is: nothing in the sources is newer.
private func isBuilt() -> Bool {
    func changed(_ path: String) -> Date? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
    guard let built = changed(root + "/.build/release/mtbert-dist"),
        let names = FileManager.default.enumerator(atPath: root + "/Sources")
    else { return false }
    let files = names.compactMap { $0 as? String }.map { root + "/Sources/" + $0 }
    return (files + [root + "/Sources", root + "/Package.swift"]).allSatisfy {
        changed($0).map { $0 <= built } ?? false
    }
}

extension EndToEnd {
    /// `./run.sh train --restarts N`, as users start it.
    @Suite(.enabled(if: isBuilt(), "run.sh would build the program first: swift build -c release does"))
    struct Restarts {
        private func train(_ project: Project, restarts: Int, fault: String) async throws -> Program.Outcome {
            let arguments = project.training(into: "run") + ["-n", "2", "--restarts", "\(restarts)"]
            return try await RunningProgram("/usr/bin/env", ["bash", root + "/run.sh"] + arguments, fault: fault)
                .end(limit: 120)
        }

        /// Each start is killed at the same change of the checkpoint folder, and each gets further than the one before.
        @Test func aRunThatAdvancesIsStartedAgain() async throws {
            let project = try Project()
            let outcome = try await train(
                project, restarts: 5, fault: "rank=0,phase=writing,operation=300,kind=kill")
            #expect(outcome.code == 0, "\(outcome)")
            #expect(outcome.errors.contains("run.sh: it starts again from there (1 of 5)"), "\(outcome)")
            #expect(!(try project.log("run", "resume")).isEmpty)
            try await project.train(into: "undisturbed", ranks: 1)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            #expect(try await project.sums("run/checkpoints/latest") == expected)
        }

        /// What breaks at the same step again and again is not worth another start.
        @Test func aRunThatDoesNotAdvanceIsNot() async throws {
            let project = try Project()
            let outcome = try await train(project, restarts: 5, fault: "rank=1,phase=step,step=5,kind=kill")
            #expect(outcome.code == 128 + SIGKILL, "\(outcome)")
            #expect(outcome.errors.contains("(1 of 5)") && !outcome.errors.contains("(2 of 5)"), "\(outcome)")
            #expect(outcome.errors.contains("left no newer checkpoint, so it is not started again"), "\(outcome)")
        }

        /// A mistake stays one however often it is started.
        @Test func aMistakeIsNotStartedAgain() async throws {
            let project = try Project()
            try project.replace("steps: 9", with: "stepps: 9", in: "run.yaml")
            let outcome = try await train(project, restarts: 5, fault: "rank=1,phase=step,step=5,kind=kill")
            #expect(outcome.code == 64 && !outcome.errors.contains("starts again"), "\(outcome)")
        }
    }
}
