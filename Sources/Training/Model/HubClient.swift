import Checkpoints
import Foundation
import FoundationNetworking
import Glibc
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
        let task = session.dataTask(with: request)
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

/// One file on its way: it goes to its place piece by piece, so that nothing is anywhere else where it breaks off.
private final class Transfer: NSObject, URLSessionDataDelegate, Sendable {
    struct Outcome: Sendable {
        var status = 0
        var error: String?
        var answer = HubClient.Answer()
        fileprivate var descriptor: Int32 = -1
        fileprivate var count: Int64 = 0
        fileprivate var expectedCount: Int64 = -1
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

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        if let response = response as? HTTPURLResponse {
            note(response)
            state.withLock {
                $0.status = response.statusCode
                if response.statusCode == 200 { $0.open(target, expecting: response.expectedContentLength) }
            }
        }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        state.withLock { $0.write(data) }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        state.withLock {
            if let error { $0.error = $0.error ?? error.localizedDescription }
            $0.close()
        }
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

extension Transfer.Outcome {
    fileprivate mutating func open(_ path: String, expecting count: Int64) {
        descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        expectedCount = count
        if descriptor < 0 { error = "\(path): \(String(cString: strerror(errno)))" }
    }

    fileprivate mutating func write(_ data: Data) {
        guard descriptor >= 0, error == nil else { return }
        var rest = data[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                error = "what arrives cannot be written: \(String(cString: strerror(errno)))"
                return
            }
            rest = rest.dropFirst(written)
            count += Int64(written)
        }
    }

    fileprivate mutating func close() {
        guard descriptor >= 0 else { return }
        _ = Glibc.close(descriptor)
        descriptor = -1
        if error == nil, expectedCount >= 0, count != expectedCount {
            error = "only \(count) of \(expectedCount) bytes arrived"
        }
    }
}
