/// A checkpoint being written, under a name that nobody takes for a checkpoint. It becomes one in `commit`, and is deleted
/// where it is let go of before. A draft belongs to the thread that writes it.
public final class CheckpointDraft {
    public let step: Int
    /// The folder while it is a draft.
    public let path: String
    private let store: CheckpointStore
    private var sums = ChecksumList()
    private var hasEnded = false

    init(step: Int, store: CheckpointStore) throws {
        self.step = step
        self.store = store
        path = store.temporaryPath(for: Checkpoint.folderName(step: step))
        try store.operations.createFolder(path)
    }

    deinit { if !hasEnded { try? store.operations.remove(path) } }

    /// Writes a file, durably.
    public func add(file name: String, _ bytes: [UInt8]) throws { try addFile(named: name) { try $0.write(bytes) } }

    /// Writes a file of UTF-8 text, durably.
    public func add(file name: String, text: String) throws { try add(file: name, Array(text.utf8)) }

    /// Writes a file from what `body` writes to it, durably.
    public func addFile(named name: String, _ body: (OutputFile) throws -> Void) throws {
        guard !hasEnded else { throw CheckpointUsageError("\(path): \(quoted(name)) comes after the draft's end") }
        guard ChecksumList.isUsable(name: name) else {
            throw CheckpointUsageError("\(path): \(quoted(name)) is no name for a file of a checkpoint")
        }
        guard !sums.entries.contains(where: { $0.name == name }) else {
            throw CheckpointUsageError("\(path): \(quoted(name)) is added twice")
        }
        let file = try OutputFile("\(path)/\(name)", operations: store.operations)
        try body(file)
        sums.append(name, try file.finish())
    }

    /// Writes a safetensors file durably; `body` writes the tensors in the order of `tensors`.
    public func addSafetensors(
        named name: String, tensors: [SafetensorsWriter.Tensor], metadata: [String: String] = ["format": "pt"],
        _ body: (SafetensorsWriter) throws -> Void
    ) throws {
        try addFile(named: name) { file in
            let writer = try SafetensorsWriter(file, tensors: tensors, metadata: metadata)
            try body(writer)
            try writer.finish()
        }
    }

    /// Makes the draft the checkpoint of its step, then lets each name of `links` and last `latest` point to it, then prunes.
    ///
    /// Where the step has a whole checkpoint of the same content already, that one stays and the draft goes; one that is
    /// damaged or of other content is replaced. When this throws before the checkpoint has its name, older ones are
    /// untouched and the draft is deleted; an error after that (a link, the pruning) leaves it whole and in its place.
    @discardableResult
    public func commit(links: [String] = []) throws -> Checkpoint {
        guard !hasEnded else { throw CheckpointUsageError("\(path): the draft is committed after its end") }
        guard !sums.entries.isEmpty else { throw CheckpointUsageError("\(path): the draft holds no file") }
        let operations = store.operations
        let sumsFile = try OutputFile("\(path)/\(Checkpoint.sumsName)", operations: operations)
        try sumsFile.write(sums.text)
        _ = try sumsFile.finish()
        try operations.syncFolder(path)

        let checkpoint = store.checkpoint(step: step)
        if store.isWhole(checkpoint, with: sums) {
            try discard()
            // An earlier commit may have ended between its rename and this.
            try operations.syncFolder(store.folder)
        } else {
            try moveInto(checkpoint)
        }
        try store.completeCommit(of: checkpoint, links: links)
        try store.prune(protecting: checkpoint)
        return checkpoint
    }

    /// Deletes the draft.
    public func discard() throws {
        guard !hasEnded else { return }
        hasEnded = true
        try store.operations.remove(path)
    }

    private func moveInto(_ checkpoint: Checkpoint) throws {
        let operations = store.operations
        var aside: String?
        if operations.kind(of: checkpoint.path) != nil {
            // A folder cannot be renamed over one that is not empty. Under this name a sweep can put it back.
            let path = store.asidePath(for: Checkpoint.folderName(step: step))
            try operations.rename(checkpoint.path, to: path)
            aside = path
        }
        do {
            try operations.rename(path, to: checkpoint.path)
        } catch {
            if let aside { try? operations.rename(aside, to: checkpoint.path) }
            throw error
        }
        hasEnded = true
        try operations.syncFolder(store.folder)
        if let aside { try operations.remove(aside) }
    }
}
