import Checkpoints
import Foundation
import Glibc

/// How a run begins when its folder holds something.
public enum ResumePolicy: Sendable, Equatable {
    /// From the newest checkpoint that verifies, where there is one.
    case auto
    /// From nothing; a folder with a run in it is refused.
    case never
    /// From this checkpoint.
    case from(String)

    public init(_ text: String) {
        switch text {
        case "auto": self = .auto
        case "never": self = .never
        default: self = .from(text)
        }
    }
}

/// Keeps other processes' runs out of a folder until it is let go of, where the file system has locks.
final class FolderClaim: Sendable {
    private let descriptor: Int32

    /// The processes of a run that was killed take a moment to end, so this waits a little.
    ///
    /// - Throws: `UsageError` where another process has the folder. - Returns: nil where the folder cannot be opened.
    init?(_ path: String) throws {
        descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        for _ in 0..<100 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK { return }
            usleep(100_000)
        }
        throw UsageError("another run is writing into \(path). Wait for it to end, or choose another --output")
    }

    deinit { if descriptor >= 0 { close(descriptor) } }
}

/// The folder of a run: `run.yaml`, the log, and the checkpoints.
struct RunFolder: Sendable {
    let path: String

    var configurationFile: String { path + "/run.yaml" }
    var checkpointsFolder: String { path + "/checkpoints" }

    /// Makes the folder, refuses one that is not this run's, and returns the checkpoint to go on from, and the
    /// claim that keeps other runs out of the folder.
    ///
    /// - Parameter warn: called with a line for each damaged checkpoint.
    /// - Throws: `UsageError`, `ConfigurationError`, `DamagedCheckpointError` or a file system error.
    func open(_ configuration: RunConfiguration, _ policy: ResumePolicy, store: CheckpointStore, warn: (String) -> Void)
        throws -> (checkpoint: Checkpoint?, claim: FolderClaim?)
    {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if files.contains("run.yaml") {
            let there = try RunConfiguration(contentsOf: configurationFile)
            if let difference = configuration.firstDifference(from: there) {
                throw UsageError(
                    "\(path) belongs to a run with another configuration: \(difference). Choose another --output, "
                        + "or remove the folder")
            }
        } else if !files.allSatisfy({ $0.hasPrefix(".") || isLeftover($0) || $0 == "checkpoints" && isEmpty($0) }) {
            throw UsageError("\(path) holds files but no run (no run.yaml). Choose another --output")
        }
        try writing { try FileOperations().createFolders(checkpointsFolder) }
        let claim = try FolderClaim(path)
        _ = try store.sweep()
        let checkpoint = try checkpoint(policy, store, warn)
        try writing {
            for name in files where isLeftover(name) { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }
            try FileOperations().replace(configurationFile, with: Array(configuration.resolvedYAML().utf8))
        }
        return (checkpoint, claim)
    }

    /// Deletes the folder where it holds a run of another configuration. To be called only for a folder of the program's own
    /// making, whose contents can be computed again.
    func removeOtherRun(than configuration: RunConfiguration) throws {
        guard FileManager.default.fileExists(atPath: configurationFile) else { return }
        let there = try? RunConfiguration(contentsOf: configurationFile)
        if let there, configuration.firstDifference(from: there, decidingResults: true) == nil { return }
        try writing { try FileManager.default.removeItem(atPath: path) }
    }

    /// Throws where the folder was deleted or moved under the run's hands: a new one with checkpoints alone would not be the
    /// run's.
    func requirePresence() throws {
        if !FileManager.default.fileExists(atPath: configurationFile) {
            throw RunError("\(configurationFile) is gone: the run folder was deleted or moved")
        }
    }

    /// Says in a sentence why the folder cannot be written.
    private func writing(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as FileSystemError {
            throw UsageError("output is \(path), which cannot be written: \(String(cString: strerror(error.code)))")
        } catch {
            let cause = ((error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error).map { ($0 as NSError).code }
            let reason = cause.map { String(cString: strerror(Int32($0))) } ?? error.localizedDescription
            throw UsageError("output is \(path), which cannot be written: \(reason)")
        }
    }

    private func checkpoint(_ policy: ResumePolicy, _ store: CheckpointStore, _ warn: (String) -> Void) throws
        -> Checkpoint?
    {
        switch policy {
        case .auto:
            return try store.newestVerified(report: warn)
        case .never:
            if let first = try store.checkpoints().first {
                throw UsageError("\(first) is there and --resume is never. Choose another --output, or remove the run")
            }
            return nil
        case .from(let path):
            let checkpoint = try Checkpoint(folder: path)
            _ = try checkpoint.verify()
            return checkpoint
        }
    }

    /// Whether a name is that of a `run.yaml` whose writing was cut off.
    private func isLeftover(_ name: String) -> Bool { name.hasPrefix("run.yaml.tmp-") }

    private func isEmpty(_ name: String) -> Bool {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(name)")) ?? []).isEmpty
    }
}
