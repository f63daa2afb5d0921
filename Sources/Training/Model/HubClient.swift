import Checkpoints
import Foundation
import FoundationNetworking
import MultiTaskBERT
import Synchronization

/// Fetches files over HTTP as the hub hands them out: small ones itself, large ones by way of another host.
struct HubClient {
    /// Such as `https://huggingface.co`.
    let endpoint: String
    /// Shown to the endpoint alone.
    private let token: String?

    /// What the hub said of a file.
    struct Answer: Sendable {
        /// The commit that the revision stands for.
        var commit: String?
        /// SHA-256 of the contents, where the hub knows it.
        var digest: String?
    }

    init(endpoint: String, token: String?) {
        self.endpoint = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        self.token = token
    }

    /// Fetches a file and verifies it.
    ///
    /// - Parameters:
    ///   - path: below the endpoint.
    ///   - target: the file to write.
    ///   - onProgress: called every second with the bytes that have arrived, and those that are to come in all where the hub
    ///     said so.
    /// - Returns: nil where there is no such file.
    /// - Throws: `ModelError` for anything else than the whole file.
    func fetch(_ path: String, to target: String, onProgress: (_ arrived: Int64, _ all: Int64?) -> Void) throws
        -> Answer?
    {
        guard let url = URL(string: "\(endpoint)/\(path)"), ["http", "https"].contains(url.scheme) else {
            throw ModelError("HF_ENDPOINT is \(endpoint), which is no address of a hub")
        }
        var request = URLRequest(url: url)
        request.timeoutInterval = 60
        if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
        let transfer = Transfer(target: target)
        let session = URLSession(configuration: .ephemeral, delegate: transfer, delegateQueue: nil)
        let task = session.downloadTask(with: request)
        task.resume()
        while transfer.done.wait(timeout: .now() + 1) == .timedOut {
            let all = task.countOfBytesExpectedToReceive
            onProgress(task.countOfBytesReceived, all > 0 ? all : nil)
        }
        session.finishTasksAndInvalidate()
        let outcome = transfer.outcome
        if let error = outcome.error { throw ModelError("\(url): \(error)") }
        // A private model is 401 or 403 for those who may not see it, as is one that does not exist.
        if [401, 403, 404].contains(outcome.status) { return nil }
        guard outcome.status == 200 else { throw ModelError("\(url): the hub answered \(outcome.status)") }
        if let expected = outcome.answer.digest {
            let found = try sha256(ofFile: target)
            guard found == expected else {
                throw ModelError("\(url): what arrived has the SHA-256 \(found), not \(expected): try again")
            }
        }
        return outcome.answer
    }
}

/// One file on its way.
private final class Transfer: NSObject, URLSessionDownloadDelegate, Sendable {
    struct Outcome: Sendable {
        var status = 0
        var error: String?
        var answer = HubClient.Answer()
    }

    let done = DispatchSemaphore(value: 0)
    private let target: String
    private let state = Mutex(Outcome())

    init(target: String) { self.target = target }

    var outcome: Outcome { state.withLock { $0 } }

    /// The hub tells commit and digest before it sends on to where the file lies.
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        note(response)
        var next = request
        if next.url?.host != task.originalRequest?.url?.host { next.setValue(nil, forHTTPHeaderField: "Authorization") }
        completionHandler(next)
    }

    func urlSession(_ session: URLSession, downloadTask: URLSessionDownloadTask, didFinishDownloadingTo place: URL) {
        // It stays there otherwise.
        defer { try? FileManager.default.removeItem(at: place) }
        guard let response = downloadTask.response as? HTTPURLResponse else { return }
        note(response)
        state.withLock { $0.status = response.statusCode }
        guard response.statusCode == 200 else { return }
        do {
            let files = FileManager.default
            let expected = response.expectedContentLength
            let size = (try files.attributesOfItem(atPath: place.path)[.size] as? NSNumber)?.int64Value ?? 0
            guard expected < 0 || size == expected else {
                throw ModelError("only \(size) of \(expected) bytes arrived")
            }
            try? files.removeItem(atPath: target)
            try files.moveItem(at: place, to: URL(fileURLWithPath: target))
        } catch {
            state.withLock { $0.error = "\(error)" }
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        if let error { state.withLock { $0.error = error.localizedDescription } }
        done.signal()
    }

    private func note(_ response: HTTPURLResponse) {
        func header(_ name: String) -> String? { response.value(forHTTPHeaderField: name) }
        let isDigest = { (text: String) in text.utf8.count == 64 && text.allSatisfy(\.isHexDigit) }
        let isCommit = { (text: String) in (1...64).contains(text.utf8.count) && text.allSatisfy(\.isHexDigit) }
        let tag = header("X-Linked-Etag")?.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        state.withLock {
            $0.answer.commit = $0.answer.commit ?? header("X-Repo-Commit").flatMap { isCommit($0) ? $0 : nil }
            $0.answer.digest = $0.answer.digest ?? tag.flatMap { isDigest($0) ? $0.lowercased() : nil }
        }
    }
}
