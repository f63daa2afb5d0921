import Checkpoints
import Foundation
import Metrics

/// The folder of a comparison: `comparison.json`, and under `runs` a folder for each run, which gets a `result.json` when
/// the run's scores are known.
struct ComparisonFolder: Sendable {
    let path: String

    static let resultName = "result.json"
    static let comparisonName = "comparison.json"
    private static let contents = ["runs", comparisonName, "report.html"]

    /// Whether a name is that of a file whose writing was cut off.
    private static func isLeftover(_ name: String) -> Bool {
        name == "report.html.tmp" || name.hasPrefix(comparisonName + ".tmp-")
    }

    /// Makes the folder and finds out which runs are done.
    ///
    /// - Parameter warn: called with a line for each result that cannot be used.
    /// - Returns: for each run whether it is done, and the claim that keeps other comparisons out of the folder.
    /// - Throws: `UsageError` where the folder holds something else, or a run with another configuration.
    func open(_ runs: [PlannedRun], _ settings: ComparisonSettings, warn: (String) -> Void) throws
        -> (isDone: [Bool], claim: FolderClaim?)
    {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        let isOwn = { (name: String) in
            name.hasPrefix(".") || Self.contents.contains(name) || Self.isLeftover(name)
        }
        if let other = files.first(where: { !isOwn($0) }) {
            throw UsageError("\(path) holds \(other), and so is no folder of a comparison. Choose another --output")
        }
        do {
            try FileManager.default.createDirectory(atPath: path + "/runs", withIntermediateDirectories: true)
        } catch {
            throw UsageError("output is \(path), which cannot be written: \(error.localizedDescription)")
        }
        let claim = try FolderClaim(path)
        for name in files where name.hasPrefix(RunClaims.prefix) || Self.isLeftover(name) {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
        return (try runs.map { try isDone($0, settings, warn) }, claim)
    }

    private func isDone(_ run: PlannedRun, _ settings: ComparisonSettings, _ warn: (String) -> Void) throws -> Bool {
        let folder = "\(path)/\(run.folder)"
        guard FileManager.default.fileExists(atPath: folder + "/run.yaml") else { return false }
        let there = try RunConfiguration(contentsOf: folder + "/run.yaml")
        if let difference = run.configuration.firstDifference(from: there, decidingResults: true) {
            throw UsageError(
                "\(folder) belongs to a run with another configuration: \(difference). Choose another --output, or remove "
                    + "that folder")
        }
        guard FileManager.default.fileExists(atPath: "\(folder)/\(Self.resultName)") else { return false }
        do {
            let record = try record(of: run)
            if record.identity == run.identity(settings) {
                guard record.files ?? run.fileDigests == run.fileDigests else {
                    throw UsageError(
                        "the runs of \(path) were trained on and scored by other files: those of \(run.title) have changed "
                            + "since. Choose another --output, or remove that folder")
                }
                return true
            }
            throw UsageError(
                "\(folder)/\(Self.resultName) is of another configuration or was scored otherwise (--score-at is "
                    + "\(settings.scoredAt.rawValue) here). Choose another --output, or remove that folder")
        } catch let error as RecordError {
            warn("\(error.description): the run is done again")
            return false
        }
    }

    func hasRecord(_ run: PlannedRun) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(run.folder)/\(Self.resultName)")
    }

    /// - Throws: `RecordError` where there is none that can be read.
    func record(of run: PlannedRun) throws -> ComparisonRecord {
        let file = "\(path)/\(run.folder)/\(Self.resultName)"
        guard let data = FileManager.default.contents(atPath: file) else { throw RecordError("\(file) is missing") }
        guard let record = try? ComparisonRecord(json: data), record.run.folder == run.folder else {
            throw RecordError("\(file) is damaged")
        }
        return record
    }

    /// Durably and in one piece.
    func write(_ record: ComparisonRecord, of run: PlannedRun) throws {
        try write(try record.json(), to: "\(run.folder)/\(Self.resultName)")
    }

    func write(_ comparison: Comparison) throws { try write(try comparison.json(), to: Self.comparisonName) }

    private func write(_ data: Data, to name: String) throws {
        try FileOperations().replace("\(path)/\(name)", with: Array(data))
    }
}

/// A `result.json` that cannot be used.
struct RecordError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension PlannedRun {
    /// SHA-256 of everything in the configuration that decides the result.
    func identity(_ settings: ComparisonSettings) -> String {
        sha256(of: (configuration.resultIdentity + "score_at=\(settings.scoredAt.rawValue)\n").utf8)
    }
}

/// Deals out runs: each is taken by one group of ranks, whichever comes first. Of every folder that several processes try to
/// make one succeeds (POSIX `mkdir`), also on file systems that machines share, and nobody has to answer while it computes.
struct RunClaims: Sendable {
    static let prefix = ".claims-"
    let path: String

    /// Rank 0 makes the folder of a new session.
    static func begin(in folder: String) throws -> RunClaims {
        let claims = RunClaims(path: "\(folder)/\(prefix)\(UUID().uuidString)")
        try FileManager.default.createDirectory(atPath: claims.path, withIntermediateDirectories: false)
        return claims
    }

    /// Whether this call is the first with this name.
    func isFirst(_ name: String) throws -> Bool {
        if mkdir("\(path)/\(name)", 0o777) == 0 { return true }
        guard errno == EEXIST else {
            throw RunError("\(path)/\(name) cannot be made: \(String(cString: strerror(errno)))")
        }
        return false
    }

    func note(_ name: String) { mkdir("\(path)/\(name)", 0o777) }

    func isNoted(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

    func end() { try? FileManager.default.removeItem(atPath: path) }
}
