import Foundation
import Testing

extension EndToEnd {
    /// Saves in trouble: whatever happens to them, whole checkpoints stand, and the run goes on to the same result.
    @Suite struct Saving {
        /// With one checkpoint kept, so that every save prunes too.
        private static let tight = ["--set", "checkpoint.keep=1"]

        private func finishes(_ project: Project, _ name: String, ranks: Int = 1) async throws {
            if !project.exists("undisturbed") { try await project.train(into: "undisturbed", Self.tight) }
            try await project.train(into: name, ranks: ranks, Self.tight)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            #expect(try await project.sums("\(name)/checkpoints/latest") == expected)
            #expect(try !project.names(in: "\(name)/checkpoints").contains { $0.hasPrefix(".") })
        }

        /// A sample of all calls that change the disk; `Tests/Stress/kill-in-save.sh` tries each.
        @Test(arguments: Array(stride(from: 1, to: 130, by: 11))) func killedBeforeAnyChangeOfTheDisk(_ operation: Int)
            async throws
        {
            let project = try Project()
            let outcome = try await Program.run(
                project.training(into: "run", Self.tight),
                fault: "rank=0,phase=writing,operation=\(operation),kind=kill")
            #expect(outcome.code == 128 + SIGKILL, "\(outcome)")
            let whole = (try? project.names(in: "run/checkpoints").filter { $0.hasPrefix("step-") }) ?? []
            for name in whole {
                let inspected = try await Program.run(["inspect", project.path("run/checkpoints/\(name)")])
                #expect(inspected.code == 0, "\(inspected)")
            }
            try await finishes(project, "run", ranks: 2)
        }

        /// Killed when the last checkpoint has its folder and before a name points to it, the run has nothing left to train; started
        /// again, it still gives the checkpoint its names.
        @Test func namesThatAKillLeftBehindFollow() async throws {
            let project = try Project()
            let arguments = [
                "--set", "checkpoint.keep=9", "--set", "evaluation.every=9", "--set", "checkpoint.best_per_task=true",
            ]
            try await project.train(into: "run", arguments)
            let names = ["latest", "best", "best-mood", "best-yesno"].map { project.path("run/checkpoints/\($0)") }
            func targets() throws -> [String] { try names.map(FileManager.default.destinationOfSymbolicLink) }
            #expect(try targets() == names.map { _ in "step-00000009" })
            for (place, name) in names.enumerated() {
                try FileManager.default.removeItem(atPath: name)
                // As a kill leaves them: pointing to an older one, or not there yet.
                if place % 2 == 0 {
                    try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: "step-00000004")
                }
            }
            try await project.train(into: "run", ranks: 2, arguments)
            #expect(try targets() == names.map { _ in "step-00000009" })
        }

        static let files = [
            "SHA256SUMS", "config.json", "model.safetensors", "optimizer.safetensors", "trainer_state.json",
            "vocab.txt",
        ]

        /// One bit of one byte, in the middle of each file.
        @Test func aDamagedByteIsFoundAndTheCheckpointBeforeUsed() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed")
            #expect(try project.names(in: "undisturbed/checkpoints/step-00000009") == Self.files)
            let expected = try await project.sums("undisturbed/checkpoints/latest")
            for file in Self.files {
                try? FileManager.default.removeItem(atPath: project.path("run"))
                try FileManager.default.copyItem(atPath: project.path("undisturbed"), toPath: project.path("run"))
                let path = project.path("run/checkpoints/step-00000009/\(file)")
                var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                bytes[bytes.count / 2] ^= 1
                try bytes.write(to: URL(fileURLWithPath: path))
                let outcome = try await Program.run(project.training(into: "run"))
                #expect(outcome.code == 0, "\(outcome)")
                let warning = outcome.errors.split(separator: "\n").first { $0.contains("step-00000009 is damaged") }
                // A digest that is another by one bit is none, or makes the file look damaged that it stands for.
                let words = file == "SHA256SUMS" ? ["has SHA-256", "SHA256SUMS has no digest"] : [file]
                #expect(words.contains { warning?.contains($0) == true }, "\(file): \(outcome)")
                #expect(outcome.errors.contains("goes on after step 8, from"), "\(outcome)")
                #expect(try await project.sums("run/checkpoints/latest") == expected)
            }
        }

        /// The folder that a run writes into is deleted under its hands.
        @Test(arguments: [1, 2]) func aFolderThatVanishes(ranks: Int) async throws {
            let project = try Project()
            let long = ["--set", "steps=1000000", "--set", "checkpoint.every=40"]
            let running = try Program.start(project.training(into: "run", long), ranks: ranks)
            #expect(try await waits(limit: 30) { project.exists("run/checkpoints/latest") })
            try FileManager.default.moveItem(atPath: project.path("run"), toPath: project.path("moved"))
            let outcome = try await running.end(limit: 30)
            #expect(outcome.code == 70 && outcome.errorLines.count == 1, "\(outcome)")
            #expect(outcome.errors.contains(project.path("run")), "\(outcome)")
            #expect(!project.exists("run"))
        }

        /// Whether a process may mount file systems of its own.
        private static let mayMount: Bool = {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
            process.standardError = FileHandle.nullDevice
            return (try? process.run()).map { process.waitUntilExit() } != nil && process.terminationStatus == 0
        }()

        /// Runs lines of a shell where mounts are its own; PROGRAM trains into OUT, a file system of SIZE.
        private func script(_ project: Project, size: String, _ lines: String) async throws -> Program.Outcome {
            let program = try Program.path()
            let text = """
                out='\(project.path("mounted"))'; mkdir "$out"; mount -t tmpfs -o size=\(size) none "$out"
                train() { '\(program)' train '\(project.path("run.yaml"))' --output "$out/run"; echo "code $?"; }
                \(lines)
                """
            return try await RunningProgram(
                "/usr/bin/env", ["unshare", "--map-root-user", "--mount", "sh", "-c", text]
            ).end(limit: 60)
        }

        @Test(.enabled(if: mayMount, "mounting a file system of one's own is not permitted here"))
        func aFullDisk() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed")
            let bytes = try Self.files.reduce(0) {
                try $0
                    + Data(contentsOf: URL(fileURLWithPath: project.path("undisturbed/checkpoints/best/\($1)"))).count
            }
            // Room for two checkpoints and a half.
            let outcome = try await script(
                project, size: "\(bytes * 5 / 2 / 1024)k",
                """
                train; ls "$out/run/checkpoints"; mount -o remount,size=100m "$out"; train
                sha256sum "$out/run/checkpoints/latest/model.safetensors"
                """)
            #expect(outcome.output.contains("code 70\n"), "\(outcome)")
            #expect(outcome.errorLines.count == 1 && outcome.errors.contains("No space left on device"), "\(outcome)")
            #expect(outcome.errors.contains("the checkpoint of step 6 could not be written"), "\(outcome)")
            #expect(outcome.output.contains("code 70\nbest\nlatest\nstep-00000003\nstep-00000004\n"), "\(outcome)")
            #expect(outcome.output.contains("code 0\n"), "\(outcome)")
            #expect(outcome.output.contains(try await project.sums("undisturbed/checkpoints/latest")[0]), "\(outcome)")
        }

        @Test(.enabled(if: mayMount, "mounting a file system of one's own is not permitted here"))
        func aReadOnlyFolder() async throws {
            let project = try Project()
            let outcome = try await script(
                project, size: "10m",
                """
                mount -o remount,ro "$out"; train; ls -A "$out"
                mount -o remount,rw "$out"; train; mount -o remount,ro "$out"; train
                """)
            let reason = "output is \(project.path("mounted/run")), which cannot be written: Read-only file system"
            #expect(outcome.output.hasPrefix("code 64\n"), "\(outcome)")
            #expect(outcome.output.hasSuffix("code 64\n"), "\(outcome)")
            #expect(outcome.errorLines == ["error: " + reason, "error: " + reason], "\(outcome)")
        }
    }
}
