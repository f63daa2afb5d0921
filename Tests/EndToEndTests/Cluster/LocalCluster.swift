import Foundation
import Testing

/// Hosts of a test, made by a script of `Cluster/` on this machine. They go when it is let go of, and when the tests end.
final class LocalCluster {
    private let folder: String
    private let script: String

    /// The scripts of the package.
    static let scripts = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Cluster").path

    /// Variables for the scripts: the program, and any number of ranks on however many cores.
    static func environment() throws -> [String] {
        [
            "MTBERT_PROGRAM=\(try Program.path())", "MTBERT_PROBE=\(scripts)/namespaces/hosts.sh",
            "MTBERT_HOME=\((scripts as NSString).deletingLastPathComponent)",
            "MPIRUN_OPTIONS=--bind-to none --mca mpi_yield_when_idle 1",
            "OMPI_MCA_oob_tcp_keepalive_time=2", "OMPI_MCA_oob_tcp_keepalive_intvl=1",
        ]
    }

    /// What would have to be there for hosts in namespaces; nothing where all of it is.
    static let missingForHosts: String? = {
        guard geteuid() == 0 else { return "namespaces need root" }
        let trial = [
            "ip link add lan type bridge && mount -t tmpfs tmpfs /var/tmp && nsenter --version && env --block-signal true"
        ]
        return succeeds("unshare", ["--net", "--uts", "--ipc", "--mount", "sh", "-c"] + trial)
            ? nil : "this machine makes no network namespaces with a bridge, or misses iproute2 or util-linux"
    }()

    /// What would have to be there for a Slurm cluster on such hosts; nothing where all of it is.
    static let missingForSlurm: String? =
        missingForHosts
        ?? (succeeds(
            "sh",
            [
                "-c",
                "PATH=$PATH:/usr/sbin; for name in slurmctld slurmd munged sbatch; do command -v $name || exit; done",
            ])
            ? nil : "the packages slurm-wlm and munge are not installed")

    private static func succeeds(_ command: String, _ arguments: [String]) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [command] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    /// Two hosts, `host1` and `host2`, with or without Slurm on them.
    init(withSlurm: Bool) async throws {
        // Short: the paths of sockets in it are limited to 107 bytes.
        folder = NSTemporaryDirectory() + "mtbert-" + UUID().uuidString.prefix(8)
        script = Self.scripts + (withSlurm ? "/slurm/local-slurm.sh" : "/namespaces/hosts.sh")
        let owner = "\(getpid())"
        let begin = withSlurm ? ["start", folder, owner] : ["up", folder, "2", owner]
        let outcome = try await RunningProgram(script, begin).end(limit: 60)
        try #require(outcome.code == 0, "\(outcome)")
    }

    deinit { _ = Self.succeeds(script, [script.hasSuffix("local-slurm.sh") ? "stop" : "down", folder]) }

    private var hosts: String { script.hasSuffix("local-slurm.sh") ? folder + "/hosts" : folder }

    /// Starts a command on the first host.
    func start(_ command: [String]) throws -> RunningProgram {
        let words = script.hasSuffix("local-slurm.sh") ? ["run", folder] : ["exec", folder, "host1"]
        return try RunningProgram(script, words + ["env"] + Self.environment() + command)
    }

    /// What a command on the first host prints; it must succeed.
    func output(of command: [String]) async throws -> String {
        let outcome = try await start(command).end(limit: 30)
        try #require(outcome.code == 0, "\(outcome)")
        return outcome.output
    }

    /// Takes the second host's cable out, or puts it back.
    func setCable(of host: String, isIn: Bool) async throws {
        let verb = isIn ? "mend" : "cut"
        let outcome = try await RunningProgram(Self.scripts + "/namespaces/hosts.sh", [verb, hosts, host]).end(
            limit: 30)
        try #require(outcome.code == 0, "\(outcome)")
    }
}
