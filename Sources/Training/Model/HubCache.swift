import Checkpoints
import Foundation
import MultiTaskBERT

/// The local cache of Hugging Face's hub, as `huggingface_hub` lays it out.
package struct HubCache {
    private let environment: [String: String]

    package init(environment: [String: String] = ProcessInfo.processInfo.environment) { self.environment = environment }

    /// `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or in `~/.cache/huggingface`.
    var path: String {
        if let cache = environment["HF_HUB_CACHE"] { return cache }
        if let home = environment["HF_HOME"] { return home + "/hub" }
        return (environment["HOME"] ?? "") + "/.cache/huggingface/hub"
    }

    /// The newest snapshot of a model.
    ///
    /// - Parameter identifier: such as `google-bert/bert-base-uncased`.
    /// - Throws: `ModelError` where the cache has none.
    package func folder(of identifier: String) throws -> String {
        let root = "\(path)/models--" + identifier.replacingOccurrences(of: "/", with: "--")
        if let revision = try? wholeFile(root + "/refs/main", atMost: 4096) {
            let name = String(decoding: revision, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            let snapshot = "\(root)/snapshots/\(name)"
            let isName = !name.isEmpty && name != "." && name != ".." && !name.contains { $0 == "/" || $0 == "\0" }
            if isName, FileManager.default.fileExists(atPath: snapshot + "/config.json") { return snapshot }
        }
        throw ModelError(
            "model: \(identifier) is neither a folder here nor in the hub cache \(path). Give a folder in Hugging Face "
                + "layout (config.json, model.safetensors, vocab.txt), or download the model first")
    }
}
