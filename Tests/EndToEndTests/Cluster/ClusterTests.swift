import Foundation
import Testing

extension EndToEnd {
    /// The scripts of `Cluster/`, with all that a scheduler does to a run.
    @Suite struct OnAClusterOfHosts {
        /// Enough steps that all that is done to a run happens on the way.
        static let long = ["--set", "steps=900", "--set", "checkpoint.every=40", "--set", "evaluation.every=300"]

        static func train(_ project: Project, hosts: String, into output: String) throws -> [String] {
            try project.write("train.sh", "source \(LocalCluster.scripts)/job.sh; train_on \"$@\"\n")
            try project.write("hosts", hosts)
            return [
                "bash", project.path("train.sh"), project.path("hosts"), project.path(output), project.path("run.yaml"),
            ]
                + long
        }

        /// Waits for a checkpoint of `step` or a later one; false where the program that should write it ended before.
        static func reaches(
            _ step: Int, _ project: Project, _ output: String, _ running: RunningProgram? = nil
        ) async throws -> Bool {
            _ = try await waits(limit: 90) {
                KillAndResume.newest(project, output) >= step || running?.isRunning == false
            }
            return KillAndResume.newest(project, output) >= step
        }

        static func expectEnd(_ project: Project, _ output: String, like other: String) async throws {
            let expected = try await project.sums(other + "/checkpoints/latest")
            #expect(try await project.sums(output + "/checkpoints/latest") == expected)
            let ends = try project.log(output, "end")
            #expect(ends.last?["model_sha256"] as? String == expected[0])
            #expect(ends.last?["status"] as? String == "finished")
            #expect(try project.log(output, "step").compactMap { $0["step"] as? Int } == Array(1...900))
        }

        @Test(arguments: [
            ("8", 8, 8), ("7", 8, 4), ("3", 8, 2), ("1", 8, 1), ("64", 8, 8), ("8", 12, 6), ("5", 12, 3), ("2", 12, 1),
            ("8", 64, 8), ("8", 7, 7), ("6", 7, 1),
        ])
        func ranksThatFit(slots: String, shards: Int, ranks: Int) async throws {
            let words = ["-c", "source \"$0\"; ranks_for \"$@\"", LocalCluster.scripts + "/job.sh", slots, "\(shards)"]
            let outcome = try await RunningProgram("/bin/bash", words).end(limit: 10)
            #expect(outcome.output == "\(ranks)\n", "\(outcome)")
        }

        @Test(arguments: [
            (["--set", "batch.shards=16"], "16"), (["run.yaml"], "12"), (["other.yaml"], "8"),
            (["run.yaml", "--set", "batch.shards=auto"], "auto"),
        ])
        func shardsAsTheProgramWillHaveThem(arguments: [String], shards: String) async throws {
            let project = try Project()
            try project.write("run.yaml", "# shards: 99\nbatch: {size: 32, shards: 12} # shards: 7\n")
            let places = arguments.map { $0.hasSuffix("yaml") ? project.path($0) : $0 }
            let words = [
                "-c", "source \"$0\"; shards_of \"$@\"", LocalCluster.scripts + "/job.sh", project.path("run"),
            ]
            #expect(try await RunningProgram("/bin/bash", words + places).end(limit: 10).output == shards + "\n")
            try FileManager.default.createDirectory(
                atPath: project.path("run/checkpoints/latest"), withIntermediateDirectories: true)
            try project.write("run/checkpoints/latest/trainer_state.json", "{\n  \"shards\" : 24,\n  \"step\" : 3\n}\n")
            #expect(try await RunningProgram("/bin/bash", words + places).end(limit: 10).output == "24\n")
        }

        /// How an attempt ends, and what its job does then.
        struct Attempt: Sendable {
            let code: Int
            var savesStep: Int?
            let result: Int32
        }

        static let attempts = [
            Attempt(code: 0, result: 0), Attempt(code: 64, savesStep: 60, result: 64), Attempt(code: 65, result: 65),
            Attempt(code: 75, savesStep: 60, result: 75), Attempt(code: 75, result: 70),
            Attempt(code: 75, savesStep: 40, result: 70), Attempt(code: 70, savesStep: 60, result: 75),
            Attempt(code: 70, result: 70), Attempt(code: 9, savesStep: 60, result: 75), Attempt(code: 9, result: 70),
        ]

        /// A program that only pretends, behind a checkpoint of step 50.
        @Test(arguments: attempts) func onlyWhileCheckpointsAdvance(_ attempt: Attempt) async throws {
            let project = try Project()
            func folder(_ step: Int) -> String { project.path("run/checkpoints/step-000000\(step)") }
            try FileManager.default.createDirectory(atPath: folder(50), withIntermediateDirectories: true)
            let saving = attempt.savesStep.map { "mkdir \(folder($0)); " } ?? ""
            try project.write("program", "#!/bin/sh\n\(saving)exit \(attempt.code)\n")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: project.path("program"))
            let command = try Self.train(project, hosts: "localhost slots=1\n", into: "run")
            let program = ["MTBERT_PROGRAM=\(project.path("program"))", "MPIRUN_OPTIONS=--quiet --bind-to none"]
            let outcome = try await RunningProgram("/usr/bin/env", program + command).end(limit: 30)
            #expect(outcome.code == attempt.result, "\(outcome)")
        }

        @Test(.enabled(if: LocalCluster.missingForHosts == nil, "\(LocalCluster.missingForHosts ?? "")"))
        func aHostThatIsLost() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed", Self.long)
            let cluster = try await LocalCluster(withSlurm: false)
            let command = try Self.train(project, hosts: "host1 slots=4\nhost2 slots=4\n", into: "run")

            let first = try cluster.start(command)
            #expect(try await Self.reaches(40, project, "run", first))
            try await cluster.setCable(of: "host2", isIn: false)
            let lost = try await first.end(limit: 60)
            #expect(lost.code == 75 && !lost.isTimedOut, "\(lost)")
            #expect(lost.errors.contains("on node host2"), "the host is named: \(lost)")
            let reached = KillAndResume.newest(project, "run")
            #expect(reached < 900, "the run was too fast to lose a host")

            let second = try cluster.start(command)
            #expect(try await Self.reaches(reached + 80, project, "run", second))
            kill(try #require(second.descendants().first { Self.isMPIRun($0) }), SIGUSR1)
            let alone = try await second.end(limit: 60)
            #expect(alone.code == 75 && alone.errors.contains("host2 does not answer and is left out"), "\(alone)")

            try await cluster.setCable(of: "host2", isIn: true)
            let third = try await cluster.start(command).end(limit: 120)
            #expect(third.code == 0, "\(third)")
            #expect(try project.log("run", "start").first?["world_size"] as? Int == 8)
            #expect(try project.log("run", "resume").compactMap { $0["world_size"] as? Int } == [4, 8])
            try await Self.expectEnd(project, "run", like: "undisturbed")
        }

        static func isMPIRun(_ process: Int32) -> Bool {
            let name = FileManager.default.contents(atPath: "/proc/\(process)/comm") ?? Data()
            return String(decoding: name, as: UTF8.self) == "mpirun\n"
        }

        @Test(.enabled(if: LocalCluster.missingForSlurm == nil, "\(LocalCluster.missingForSlurm ?? "")"))
        func slurmPutsItBackIntoTheQueue() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed", Self.long)
            let cluster = try await LocalCluster(withSlurm: true)
            func submit(_ output: String, _ arguments: [String]) async throws -> String {
                let options = ["--parsable", "--output=\(project.path(output)).log", "--chdir=\(project.folder)"]
                let job = try await cluster.output(
                    of: ["sbatch"] + options + [LocalCluster.scripts + "/slurm/train.sbatch", project.path(output)]
                        + arguments)
                return job.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            func status(_ job: String) async throws -> String {
                try await cluster.output(of: ["scontrol", "show", "job", job])
            }
            func ends(_ job: String) async throws -> Bool {
                for _ in 0..<240 {
                    let described = try await status(job)
                    let states = ["COMPLETED", "FAILED", "NODE_FAIL", "CANCELLED"]
                    if states.contains(where: { described.contains("JobState=" + $0) }) { return true }
                    try await Task.sleep(for: .milliseconds(500))
                }
                return false
            }

            let job = try await submit("run", [project.path("run.yaml")] + Self.long)
            // As when its time is nearly up, and then as when an administrator wants the hosts.
            #expect(try await Self.reaches(40, project, "run"))
            _ = try await cluster.output(of: ["scancel", "--signal=USR1", "--batch", job])
            #expect(try await waits(limit: 60) { (try? project.log("run", "resume").count) ?? 0 == 1 })
            let resumed = KillAndResume.newest(project, "run")
            #expect(try await Self.reaches(resumed + 80, project, "run"))
            _ = try await cluster.output(of: ["scontrol", "requeue", job])
            #expect(try await ends(job))
            let (described, log) = (try await status(job), try project.text("run.log"))
            #expect(
                described.contains("JobState=COMPLETED") && described.contains("Restarts=2"), "\(described)\n\(log)")
            #expect(try project.log("run", "resume").compactMap { $0["world_size"] as? Int } == [8, 8])
            try await Self.expectEnd(project, "run", like: "undisturbed")

            let endless = ["--set", "steps=100000", "--set", "checkpoint.every=40"]
            let cancelled = try await submit("cancelled", [project.path("run.yaml")] + endless)
            #expect(try await Self.reaches(40, project, "cancelled"))
            _ = try await cluster.output(of: ["scancel", cancelled])
            #expect(try await ends(cancelled))
            #expect(try await status(cancelled).contains("Restarts=0"))

            let wrong = try await submit("wrong", [project.path("run.yaml"), "--set", "stps=3"])
            #expect(try await ends(wrong))
            let refused = try await status(wrong)
            #expect(refused.contains("ExitCode=64:0") && refused.contains("Restarts=0"), "\(refused)")
        }

        /// No PBS, but its commands: the time that the job has, a clock that the test turns, and what is submitted.
        @Test func aJobOfPBSSubmitsItselfAgain() async throws {
            let project = try Project()
            try await project.train(into: "undisturbed", Self.long)
            for (name, text) in [
                ("qstat", "echo '    Resource_List.walltime = 00:02:10'"),
                (
                    // As OpenPBS, which refuses a name that is not set.
                    "qsub",
                    "all=$*; until [ \"$1\" = -v ]; do shift; done; IFS=,\n"
                        + "for name in $2; do printenv \"$name\" || exit 1; done\n"
                        + "echo \"$all\" >>\(project.path("submitted"))"
                ),
                (
                    "sleep",
                    "echo \"$1\" >\(project.path("slept")); until [ -e \(project.path("go")) ]; do /bin/sleep 0.01; done"
                ),
            ] {
                try project.write(name, "#!/bin/sh\n\(text)\n")
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: project.path(name))
            }
            try project.write("nodes", "localhost\nlocalhost\n")
            // From the folder that it is submitted from, so that what may be left out is: these two names are not set.
            try FileManager.default.createSymbolicLink(
                atPath: project.path("Cluster"), withDestinationPath: LocalCluster.scripts)
            let variables = try LocalCluster.environment().filter {
                !$0.hasPrefix("MTBERT_HOME=") && !$0.hasPrefix("MTBERT_PROBE=")
            }
            let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
            let command =
                ["PATH=\(project.folder):\(path)"] + variables + [
                    "PBS_O_WORKDIR=\(project.folder)", "PBS_JOBID=7.server", "PBS_NODEFILE=\(project.path("nodes"))",
                    "RUN=run",
                    "TRAIN=run.yaml \(Self.long.joined(separator: " "))", "bash",
                    LocalCluster.scripts + "/pbs/train.pbs",
                ]
            let first = try RunningProgram("/usr/bin/env", command)
            #expect(try await Self.reaches(40, project, "run", first))
            try project.write("go", "")
            let stopped = try await first.end(limit: 60)
            #expect(stopped.code == 75, "\(stopped)")
            #expect(try project.text("slept") == "70\n")
            let submitted = try project.text("submitted")
            #expect(submitted.contains("depend=afterany:7.server -v RUN,TRAIN,MTBERT_PROGRAM,MPIRUN_OPTIONS "))

            try FileManager.default.removeItem(atPath: project.path("go"))
            // As qdel does.
            let cancelled = try RunningProgram("/usr/bin/env", command)
            let reached = KillAndResume.newest(project, "run")
            #expect(try await Self.reaches(reached + 80, project, "run", cancelled))
            kill(cancelled.identifier, SIGTERM)
            #expect(try await cancelled.end(limit: 60).code == 75)
            let second = try await RunningProgram("/usr/bin/env", command).end(limit: 60)
            #expect(second.code == 0, "\(second)")
            #expect(try project.text("submitted").split(separator: "\n").count == 1)
            try await Self.expectEnd(project, "run", like: "undisturbed")
        }
    }
}
