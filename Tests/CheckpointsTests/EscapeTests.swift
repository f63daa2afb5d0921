import Checkpoints
import Foundation
import Testing

/// Names and links in a run folder that lead out of it.
@Suite struct EscapeTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(folder: folder.file("run/checkpoints"), keep: 1)
        try FileManager.default.createDirectory(atPath: folder.file("outside"), withIntermediateDirectories: true)
        _ = try folder.write([1], to: "outside/precious")
    }

    private func link(_ name: String, to target: String) throws {
        try? FileManager.default.removeItem(atPath: "\(store.folder)/\(name)")
        try FileManager.default.createSymbolicLink(atPath: "\(store.folder)/\(name)", withDestinationPath: target)
    }

    private func isPreciousThere() -> Bool { FileManager.default.fileExists(atPath: folder.file("outside/precious")) }

    @Test func deletingStopsAtLinks() throws {
        try saveCheckpoint(5, "five", in: store)
        try link(".tmp-step-00000001-0", to: folder.file("outside"))
        try link("step-00000002", to: folder.file("outside"))
        try FileManager.default.createDirectory(atPath: "\(store.folder)/.tmp-x", withIntermediateDirectories: false)
        try link(".tmp-x/inner", to: folder.file("outside"))
        #expect(try store.sweep().count == 2)
        #expect(isPreciousThere())
        try saveCheckpoint(6, "six", in: store)
        #expect(try folder.names(in: "run/checkpoints") == ["latest", "step-00000006"])
        #expect(isPreciousThere())
    }

    @Test(arguments: ["../../outside", "step-00000005/..", "/", "./step-00000005", "step-5", "..", "step-00000009"])
    func linksThatLeadElsewhereAreNoCheckpoints(_ target: String) throws {
        try saveCheckpoint(5, "five", in: store)
        try link("best", to: target)
        try link("latest", to: target)
        #expect(store.best() == nil && store.latest() == nil)
        try saveCheckpoint(6, "six", in: store, best: true)
        #expect(store.best()?.step == 6 && store.latest()?.step == 6)
        #expect(isPreciousThere())
    }

    @Test(arguments: [
        "../../../outside/precious", "/etc/hostname", "..", ".", "", "a\0b", "a\\nb", "SHA256SUMS", "a/b",
    ])
    func sumsNameOnlyFilesOfTheFolder(_ name: String) throws {
        let checkpoint = try saveCheckpoint(5, "five", in: store)
        let sums = try contents(checkpoint.file("SHA256SUMS"))
        let line = "\(String(repeating: "0", count: 64))  \(name)\n"
        try Data(sums + line.utf8).write(to: URL(fileURLWithPath: checkpoint.file("SHA256SUMS")))
        #expect(message { try checkpoint.verify() }.hasSuffix("SHA256SUMS has no digest and file name in line 4"))
    }

    /// A pipe among the files would hold up whoever reads it.
    @Test func pipesAndDevicesAreDamage() throws {
        let checkpoint = try saveCheckpoint(5, "five", in: store)
        for make in [{ mkfifo($0, 0o600) }, { symlink("/dev/zero", $0) }] as [(String) -> Int32] {
            unlink(checkpoint.file("config.json"))
            try #require(make(checkpoint.file("config.json")) == 0)
            #expect(message { try checkpoint.verify() }.contains("config.json is unreadable"))
            #expect(try store.newestVerified { _ in } == nil)
        }
    }
}
