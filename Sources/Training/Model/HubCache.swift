import Checkpoints
import Foundation
import Glibc
import MultiTaskBERT

/// The local cache of Hugging Face's hub, as `huggingface_hub` lays it out, and what is missing in it from the hub itself.
package struct HubCache {
    private let environment: [String: String]

    package init(environment: [String: String] = ProcessInfo.processInfo.environment) { self.environment = environment }

    /// `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or in `~/.cache/huggingface`.
    var path: String {
        if let cache = environment["HF_HUB_CACHE"] { return cache }
        if let home = environment["HF_HOME"] { return home + "/hub" }
        return (environment["HOME"] ?? "") + "/.cache/huggingface/hub"
    }

    /// Whether nothing may be fetched (`HF_HUB_OFFLINE`).
    private var isOffline: Bool {
        ["1", "ON", "YES", "TRUE"].contains(environment["HF_HUB_OFFLINE", default: ""].uppercased())
    }

    /// The snapshot of a model's main revision; fetched where the cache has none. Of several processes on a machine one
    /// fetches, and the others wait for it.
    ///
    /// - Parameters:
    ///   - identifier: such as `google-bert/bert-base-uncased`.
    ///   - onProgress: called every second while something is fetched.
    /// - Throws: `ModelError` where there is none to be had.
    package func folder(of identifier: String, onProgress: () -> Void = {}) throws -> String {
        let parts = identifier.split(separator: "/", omittingEmptySubsequences: false)
        let isName = { (part: Substring) in
            let scalars = part.unicodeScalars
            return !part.isEmpty && !part.hasPrefix(".")
                && scalars.allSatisfy {
                    $0.isASCII && ($0.properties.isAlphabetic || "0123456789-_.".unicodeScalars.contains($0))
                }
        }
        guard (1...2).contains(parts.count), parts.allSatisfy(isName) else {
            throw ModelError("model: \(identifier) is neither a folder here nor the id of a model on the hub")
        }
        let root = "\(path)/models--" + parts.joined(separator: "--")
        if let snapshot = snapshot(in: root), isOffline || Self.isWhole(snapshot) { return snapshot }
        if isOffline {
            throw ModelError(
                "model: \(identifier) is neither a folder here nor in the hub cache \(path), and HF_HUB_OFFLINE forbids to "
                    + "fetch it")
        }
        return try locked(parts.joined(separator: "--"), onProgress) {
            // Another process may have fetched it meanwhile.
            if let snapshot = snapshot(in: root), Self.isWhole(snapshot) { return snapshot }
            return try fetch(identifier, into: root, onProgress)
        }
    }

    /// What a model needs: one file of each line.
    private static let needed = [
        ["config.json"], ["vocab.txt", "tokenizer.json"], ["model.safetensors", "pytorch_model.bin"],
    ]

    /// Whether a snapshot has all that a model needs: other programs fetch single files as they come to need them.
    private static func isWhole(_ snapshot: String) -> Bool {
        needed.allSatisfy { $0.contains { FileManager.default.fileExists(atPath: "\(snapshot)/\($0)") } }
    }

    /// The snapshot that the cache names, as far as it is there.
    private func snapshot(in root: String) -> String? {
        guard let revision = try? wholeFile(root + "/refs/main", atMost: 4096) else { return nil }
        let name = String(decoding: revision, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let isName = !name.isEmpty && name != "." && name != ".." && !name.contains { $0 == "/" || $0 == "\0" }
        let snapshot = "\(root)/snapshots/\(name)"
        return isName && FileManager.default.fileExists(atPath: snapshot + "/config.json") ? snapshot : nil
    }

    /// Another machine's processes may have the same number, and its lock may not hold here.
    private static let draftPrefix = ".incomplete-\(ProcessInfo.processInfo.hostName)-"

    /// Deletes what processes of this machine left that were killed.
    private func clearDrafts(in root: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        where name.hasPrefix(Self.draftPrefix) {
            guard let process = Int32(name.dropFirst(Self.draftPrefix.count)), kill(process, 0) != 0, errno == ESRCH
            else { continue }
            try? FileManager.default.removeItem(atPath: "\(root)/\(name)")
        }
    }

    /// Fetches a model's files; they get into the snapshot when all are there. To be called by one process at a time.
    private func fetch(_ identifier: String, into root: String, _ onProgress: () -> Void) throws -> String {
        let files = FileManager.default
        let draft = "\(root)/\(Self.draftPrefix)\(ProcessInfo.processInfo.processIdentifier)"
        clearDrafts(in: root)
        try files.createDirectory(atPath: draft, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: draft) }
        let client = HubClient(
            endpoint: environment["HF_ENDPOINT"] ?? "https://huggingface.co", token: environment["HF_TOKEN"])
        remark("fetching \(identifier) from \(client.endpoint) into \(path)")
        func get(_ name: String) throws -> HubClient.Answer? {
            var news = Date(timeIntervalSinceNow: 5)
            return try client.fetch("\(identifier)/resolve/main/\(name)", to: "\(draft)/\(name)") { arrived, all in
                onProgress()
                guard Date() >= news else { return }
                news = Date(timeIntervalSinceNow: 5)
                let megabytes = { (count: Int64) in String(format: "%.1f", Double(count) / 1e6) }
                remark("fetching \(name): \(megabytes(arrived))\(all.map { " of " + megabytes($0) } ?? "") MB")
            }
        }
        let found: HubClient.Answer?
        do {
            found = try get("config.json")
        } catch let error as ModelError {
            throw ModelError("model: \(identifier) is neither a folder here nor in the hub cache \(path), and \(error)")
        }
        guard let configuration = found else {
            throw ModelError(
                "model: \(identifier) is neither a folder here nor in the hub cache \(path), and \(client.endpoint) knows no "
                    + "such model, or shows it only to those who are logged in (HF_TOKEN)")
        }
        for choices in Self.needed.dropFirst() {
            guard try choices.contains(where: { try get($0) != nil }) else {
                throw ModelError(
                    "model: \(identifier) has neither \(choices.joined(separator: " nor ")) on \(client.endpoint)")
            }
        }
        for name in ["tokenizer_config.json", "special_tokens_map.json"] { _ = try get(name) }
        let revision = configuration.commit ?? "main"
        let snapshot = "\(root)/snapshots/\(revision)"
        try files.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
        try files.createDirectory(atPath: root + "/refs", withIntermediateDirectories: true)
        for name in try files.contentsOfDirectory(atPath: draft) where !files.fileExists(atPath: "\(snapshot)/\(name)")
        {
            try files.moveItem(atPath: "\(draft)/\(name)", toPath: "\(snapshot)/\(name)")
        }
        try Data(revision.utf8).write(to: URL(fileURLWithPath: root + "/refs/main"), options: .atomic)
        return snapshot
    }

    /// Runs `body` while no other process of this machine does so for the same model.
    ///
    /// - Parameter whileWaiting: called every second while another one does.
    private func locked<Result>(
        _ name: String, _ whileWaiting: () -> Void, _ body: () throws -> Result
    ) throws -> Result {
        let folder = path + "/.locks"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ModelError("the hub cache \(path) cannot be written: \(error.localizedDescription)")
        }
        let descriptor = open("\(folder)/\(name).lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ModelError("the hub cache \(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EINTR || errno == EWOULDBLOCK {
            whileWaiting()
            sleep(1)
        }
        return try body()
    }
}
