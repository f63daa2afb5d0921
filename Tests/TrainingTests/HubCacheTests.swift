import Checkpoints
import Foundation
import Glibc
import MultiTaskBERT
import Synchronization
import Testing
import Training

/// A hub on this machine: answers GET from a table, one connection at a time.
private final class SmallHub: Sendable {
    struct Reply: Sendable {
        var status = 200
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        /// Sent as the body's length where that is not it.
        var claimedLength: Int?
        /// Seconds between the head and the body.
        var pause = 0.0
    }

    let port: UInt16
    private let socket: Int32
    private let replies: [String: Reply]
    private let seen = Mutex<[(path: String, head: String)]>([])

    init(_ replies: [String: Reply]) throws {
        self.replies = replies
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.socket = socket
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && listen(socket, 8) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(isBound)
        Thread.detachNewThread { [self] in
            while case let connection = accept(socket, nil, nil), connection >= 0 { answer(connection) }
        }
    }

    deinit { shutdown(socket, Int32(SHUT_RDWR)) }

    func close() { shutdown(socket, Int32(SHUT_RDWR)) }

    var requests: [(path: String, head: String)] { seen.withLock { $0 } }

    private func answer(_ connection: Int32) {
        defer { Glibc.close(connection) }
        var head = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !head.contains("\r\n\r\n") {
            let count = read(connection, &buffer, buffer.count)
            if count <= 0 { return }
            head += String(decoding: buffer[..<count], as: UTF8.self)
        }
        let path = head.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        seen.withLock { $0.append((path, head)) }
        let reply = replies[path] ?? Reply(status: 404)
        var text = "HTTP/1.1 \(reply.status) X\r\nConnection: close\r\n"
        text += "Content-Length: \(reply.claimedLength ?? reply.body.count)\r\n"
        for (name, value) in reply.headers { text += "\(name): \(value)\r\n" }
        for (place, bytes) in [Array((text + "\r\n").utf8), reply.body].enumerated() {
            if place == 1 { Thread.sleep(forTimeInterval: reply.pause) }
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes {
                    send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { return }
                sent += count
            }
        }
    }
}

@Suite(.serialized) final class HubCacheTests {
    private let folder = NSTemporaryDirectory() + "hub-" + UUID().uuidString

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static let commit = "0123456789abcdef0123456789abcdef01234567"
    private static let weights = [UInt8]((0..<200_000).map { UInt8(truncatingIfNeeded: $0 * 7) })

    private func replies(digest: String? = nil) -> [String: SmallHub.Reply] {
        let base = "/some/model/resolve/main/"
        let small = ["X-Repo-Commit": Self.commit]
        return [
            base + "config.json": .init(headers: small, body: Array("{}".utf8)),
            base + "vocab.txt": .init(headers: small, body: Array("[PAD]\n".utf8)),
            base + "model.safetensors": .init(
                status: 302,
                headers: [
                    "X-Repo-Commit": Self.commit, "Location": "/files/weights?signed=1",
                    "X-Linked-Etag": "\"\(digest ?? sha256(of: Self.weights))\"",
                ]),
            "/files/weights?signed=1": .init(body: Self.weights),
        ]
    }

    private func cache(_ hub: SmallHub, _ more: [String: String] = [:]) -> HubCache {
        HubCache(
            environment: ["HF_HUB_CACHE": folder, "HF_ENDPOINT": "http://127.0.0.1:\(hub.port)"].merging(more) { $1 })
    }

    private func problem(_ body: () throws -> String) -> String {
        do {
            return try body()
        } catch {
            return "\(error)".replacingOccurrences(of: folder, with: "CACHE")
        }
    }

    @Test func fetchesOnceWhatAModelNeeds() throws {
        let hub = try SmallHub(replies())
        defer { hub.close() }
        let snapshot = try cache(hub, ["HF_TOKEN": "secret"]).folder(of: "some/model")
        #expect(snapshot == "\(folder)/models--some--model/snapshots/\(Self.commit)")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: snapshot).sorted() == [
                "config.json", "model.safetensors", "vocab.txt",
            ])
        #expect(FileManager.default.contents(atPath: snapshot + "/model.safetensors") == Data(Self.weights))
        #expect(hub.requests.first?.head.contains("Authorization: Bearer secret") == true)
        let count = hub.requests.count
        #expect(try cache(hub).folder(of: "some/model") == snapshot)
        #expect(try cache(hub, ["HF_HUB_OFFLINE": "1"]).folder(of: "some/model") == snapshot)
        #expect(hub.requests.count == count)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder + "/models--some--model").sorted() == [
                "refs", "snapshots",
            ])
    }

    /// As other programs leave the cache, that fetch a file when they come to need it; and as one that was killed does.
    @Test func whatIsMissingIsFetched() throws {
        let hub = try SmallHub(replies())
        defer { hub.close() }
        let (files, root) = (FileManager.default, folder + "/models--some--model")
        let snapshot = "\(root)/snapshots/\(Self.commit)"
        // No process has so high a number.
        let draft = ".incomplete-\(ProcessInfo.processInfo.hostName)-\(Int32.max)"
        for path in [root + "/refs", snapshot, root + "/" + draft] {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        try Self.commit.write(toFile: root + "/refs/main", atomically: false, encoding: .utf8)
        try "{ }".write(toFile: snapshot + "/config.json", atomically: false, encoding: .utf8)
        try "half".write(toFile: "\(root)/\(draft)/vocab.txt", atomically: false, encoding: .utf8)
        #expect(try cache(hub, ["HF_HUB_OFFLINE": "1"]).folder(of: "some/model") == snapshot)
        #expect(hub.requests.isEmpty)
        #expect(try cache(hub).folder(of: "some/model") == snapshot)
        #expect(try files.contentsOfDirectory(atPath: root).sorted() == ["refs", "snapshots"])
        #expect(
            try files.contentsOfDirectory(atPath: snapshot).sorted() == [
                "config.json", "model.safetensors", "vocab.txt",
            ])
        #expect(try String(contentsOfFile: snapshot + "/config.json", encoding: .utf8) == "{ }", "what is there stays")
        #expect(try String(contentsOfFile: snapshot + "/vocab.txt", encoding: .utf8) == "[PAD]\n")
    }

    /// A large file may take longer than a rank may be silent.
    @Test func progressIsToldWhileAFileArrives() throws {
        var slow = replies()
        slow["/files/weights?signed=1"]?.pause = 2.5
        let hub = try SmallHub(slow)
        defer { hub.close() }
        var count = 0
        _ = try cache(hub).folder(of: "some/model") { count += 1 }
        #expect(count >= 1)
    }

    @Test func whatDoesNotArriveWholeIsNotKept() throws {
        var wrong = replies(digest: String(repeating: "a", count: 64))
        var hub = try SmallHub(wrong)
        #expect(problem { try cache(hub).folder(of: "some/model") }.contains("what arrived has the SHA-256"))
        hub.close()
        wrong = replies()
        wrong["/files/weights?signed=1"]?.claimedLength = Self.weights.count + 10
        hub = try SmallHub(wrong)
        #expect(problem { try cache(hub).folder(of: "some/model") } != "\(folder)/models--some--model")
        hub.close()
        wrong["/files/weights?signed=1"] = .init(status: 503)
        hub = try SmallHub(wrong)
        #expect(problem { try cache(hub).folder(of: "some/model") }.hasSuffix("the hub answered 503"))
        hub.close()
        let left = try FileManager.default.contentsOfDirectory(atPath: folder + "/models--some--model")
        #expect(left.isEmpty, "\(left)")
    }

    @Test func whatIsNotThereIsSaid() throws {
        let hub = try SmallHub(["/only/config/resolve/main/config.json": .init(body: Array("{}".utf8))])
        defer { hub.close() }
        #expect(problem { try cache(hub).folder(of: "no/model") }.contains("knows no such model"))
        #expect(
            problem { try cache(hub).folder(of: "only/config") }.contains("has neither vocab.txt nor tokenizer.json"))
        #expect(
            problem { try cache(hub, ["HF_HUB_OFFLINE": "1"]).folder(of: "no/model") }
                == "model: no/model is neither a folder here nor in the hub cache CACHE, and HF_HUB_OFFLINE forbids to fetch it"
        )
        let nobody = HubCache(environment: ["HF_HUB_CACHE": folder, "HF_ENDPOINT": "http://127.0.0.1:9"])
        #expect(
            problem { try nobody.folder(of: "no/model") }.hasPrefix(
                "model: no/model is neither a folder here nor in the hub cache CACHE, and "
                    + "http://127.0.0.1:9/no/model/resolve/main/config.json: "))
        #expect(
            problem { try HubCache(environment: ["HF_HUB_CACHE": folder, "HF_ENDPOINT": "ftp://x"]).folder(of: "a/b") }
                .contains("no address of a hub"))
    }
}
