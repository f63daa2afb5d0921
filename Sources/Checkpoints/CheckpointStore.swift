import Glibc

/// The `checkpoints` folder of a run.
///
/// It holds folders `step-00000500`, each of them whole; `latest`, `best` and the like, relative symbolic links to them, so
/// that `checkpoints/best/` works as a folder anywhere; and, while something is written or deleted, `.tmp-…`. Every change
/// of what a name means is one rename.
///
/// A commit goes through these steps, and may be cut off at any point without loss: every file of the draft is brought to
/// disk, then the draft's folder; the draft takes its final name, and that is brought to disk; `best` and then `latest` follow;
/// last, older checkpoints are pruned, each losing its name before its first file.
///
/// One process writes to a store; any number may read.
public struct CheckpointStore: Sendable {
    public static let latestName = "latest"
    public static let bestName = "best"
    /// The name of a task's own best checkpoint.
    public static func bestName(ofTask task: String) -> String { "\(bestName)-\(task)" }
    static let temporaryPrefix = ".tmp-"
    /// A checkpoint that stepped aside for another of its step.
    static let asidePrefix = ".tmp-aside-"

    /// The folder, as it was given.
    public let folder: String
    /// How many of the newest checkpoints pruning leaves, at least 1.
    public let keep: Int
    let operations: FileOperations

    /// A store in `folder`, which is created when the first checkpoint is written.
    public init(folder: String, keep: Int = 3) { self.init(folder: folder, keep: keep, operations: FileOperations()) }

    package init(folder: String, keep: Int = 3, operations: FileOperations) {
        precondition(keep >= 1, "at least one checkpoint is kept")
        self.folder = folder
        self.keep = keep
        self.operations = operations
    }

    // MARK: Writing

    /// Begins the checkpoint of `step`, 0 or more.
    public func begin(step: Int) throws -> CheckpointDraft {
        precondition(step >= 0, "steps are not negative")
        try operations.createFolders(folder)
        return try CheckpointDraft(step: step, store: self)
    }

    /// Lets `best` point to `checkpoint` of this store, which must exist.
    public func markBest(_ checkpoint: Checkpoint) throws {
        guard operations.isFolder(checkpoint.path) else {
            throw FileSystemError("make the best one", checkpoint.path, code: ENOENT)
        }
        try point(Self.bestName, to: checkpoint)
    }

    /// Deletes what interrupted writing and pruning left, and puts a checkpoint back in its place that had stepped aside
    /// for one that never came. To be called before anything is read or written, by the process that writes. Returns the
    /// names swept.
    @discardableResult
    public func sweep() throws -> [String] {
        guard operations.kind(of: folder) != nil else { return [] }
        let leftovers = try operations.list(folder).filter { $0.hasPrefix(Self.temporaryPrefix) }
        for name in leftovers {
            let original = name.dropFirst(Self.asidePrefix.count).prefix { $0 != "." }
            if name.hasPrefix(Self.asidePrefix), Checkpoint.step(ofFolder: String(original)) != nil,
                operations.kind(of: "\(folder)/\(original)") == nil
            {
                try operations.rename("\(folder)/\(name)", to: "\(folder)/\(original)")
            } else {
                try operations.remove("\(folder)/\(name)")
            }
        }
        if !leftovers.isEmpty { try operations.syncFolder(folder) }
        return leftovers
    }

    /// Lets `latest` and other names point to `checkpoint`, which must exist: where a commit was cut off behind the rename, they
    /// point to older ones.
    public func completeCommit(of checkpoint: Checkpoint, links: [String]) throws {
        for name in links + [Self.latestName] { try point(name, to: checkpoint) }
    }

    /// Deletes a checkpoint: it loses its name before its first file.
    public func remove(_ checkpoint: Checkpoint) throws {
        let path = temporaryPath(for: Checkpoint.folderName(step: checkpoint.step))
        try operations.rename(checkpoint.path, to: path)
        try operations.syncFolder(folder)
        try operations.remove(path)
    }

    /// Deletes all but the newest `keep` checkpoints, those that a name points to, `current`, and those that are held.
    func prune(protecting current: Checkpoint) throws {
        let newest = try checkpoints()
        let named = try operations.list(folder).compactMap(target(of:))
        for checkpoint in newest.dropLast(keep) where checkpoint != current && !named.contains(checkpoint) {
            _ = try CheckpointHold.ifFree(checkpoint) { try remove(checkpoint) }
        }
    }

    /// Lets the link `name` point to `checkpoint`, by renaming a new link over it.
    func point(_ name: String, to checkpoint: Checkpoint) throws {
        if target(of: name) == checkpoint { return }
        let path = temporaryPath(for: name)
        try operations.link(path, to: Checkpoint.folderName(step: checkpoint.step))
        do {
            try operations.rename(path, to: "\(folder)/\(name)")
        } catch {
            try? operations.remove(path)
            throw error
        }
        try operations.syncFolder(folder)
    }

    // MARK: Reading

    /// All that bear the name of a checkpoint, by step; none where the folder does not exist.
    public func checkpoints() throws -> [Checkpoint] {
        guard operations.kind(of: folder) != nil else { return [] }
        return try operations.list(folder).compactMap(Checkpoint.step(ofFolder:)).sorted().map(checkpoint(step:))
    }

    /// The newest checkpoint that verifies. `report` is told, in a line each, of those passed over and why, and of files
    /// that the one returned holds beyond its list.
    public func newestVerified(report: (String) -> Void) throws -> Checkpoint? {
        for checkpoint in try checkpoints().reversed() {
            do {
                let surplus = try checkpoint.verify()
                if !surplus.isEmpty {
                    report(
                        "\(checkpoint) holds files that its \(Checkpoint.sumsName) does not list: "
                            + surplus.joined(separator: ", "))
                }
                return checkpoint
            } catch {
                report("passed over: \(error)")
            }
        }
        return nil
    }

    /// The checkpoint that `best` points to, or nil where there is none.
    public func best() -> Checkpoint? { target(of: Self.bestName) }

    /// The checkpoint that `latest` points to, or nil where there is none.
    public func latest() -> Checkpoint? { target(of: Self.latestName) }

    /// The checkpoint of `step`, whether it exists or not.
    public func checkpoint(step: Int) -> Checkpoint {
        Checkpoint(path: "\(folder)/\(Checkpoint.folderName(step: step))", step: step)
    }

    /// Whether `checkpoint` exists, verifies, and lists just `sums`.
    func isWhole(_ checkpoint: Checkpoint, with sums: ChecksumList) -> Bool {
        guard operations.isFolder(checkpoint.path),
            let present = try? ChecksumList(contentsOf: checkpoint.file(Checkpoint.sumsName), folder: checkpoint.path),
            present == sums
        else { return false }
        return (try? checkpoint.verify()) != nil
    }

    private func target(of name: String) -> Checkpoint? {
        guard let step = operations.linkTarget("\(folder)/\(name)").flatMap(Checkpoint.step(ofFolder:)),
            operations.isFolder(checkpoint(step: step).path)
        else { return nil }
        return checkpoint(step: step)
    }

    func temporaryPath(for name: String) -> String { "\(folder)/\(Self.temporaryPrefix)\(name)-\(randomSuffix())" }

    func asidePath(for name: String) -> String { "\(folder)/\(Self.asidePrefix)\(name).\(randomSuffix())" }
}
