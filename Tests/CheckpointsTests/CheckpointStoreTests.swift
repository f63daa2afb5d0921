import Checkpoints
import Foundation
import Synchronization
import Testing

@Suite struct CheckpointStoreTests {
    let folder: TemporaryFolder
    let store: CheckpointStore

    init() throws {
        folder = try TemporaryFolder()
        store = CheckpointStore(folder: folder.file("run/checkpoints"), keep: 2)
    }

    @discardableResult
    func save(_ step: Int, _ text: String? = nil, best: Bool = false) throws -> Checkpoint {
        try saveCheckpoint(step, text ?? "step \(step)", in: store, best: best)
    }

    func names() throws -> [String] { try folder.names(in: "run/checkpoints") }

    @Test func holdsWhatWasAdded() throws {
        let checkpoint = try save(500, best: true)
        #expect(checkpoint.path == "\(store.folder)/step-00000500")
        #expect(checkpoint.step == 500)
        #expect(try names() == ["best", "latest", "step-00000500"])
        #expect(
            try folder.names(in: "run/checkpoints/best") == [
                "SHA256SUMS", "config.json", "model.safetensors", "vocab.txt",
            ])
        #expect(try contents("\(store.folder)/latest/config.json") == Array("step 500".utf8))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(store.folder)/best") == "step-00000500")
        #expect(try SafetensorsFile(checkpoint.file("model.safetensors")).floats("x") == [1, 2])
        #expect(store.best() == checkpoint)
        #expect(store.latest() == checkpoint)
        #expect(try checkpoint.verify() == [])
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/sha256sum"), "needs sha256sum"))
    func sumsAreWhatSha256sumChecks() throws {
        let checkpoint = try save(7)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
        process.arguments = ["--check", "--strict", "--status", "SHA256SUMS"]
        process.currentDirectoryURL = URL(fileURLWithPath: checkpoint.path)
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test func digestsAreSHA256() throws {
        let path = try folder.write(Array("abc".utf8))
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(try sha256(ofFile: path) == expected)
        #expect(sha256(of: "abc".utf8) == expected)
        #expect(try sha256(ofFile: folder.write([])).hasPrefix("e3b0c442"))
    }

    @Test func pruningKeepsTheNewestAndTheBest() throws {
        try save(1)
        try save(2, best: true)
        for step in 3...6 { try save(step) }
        #expect(try store.checkpoints().map(\.step) == [2, 5, 6])
        try save(7, best: true)
        #expect(try store.checkpoints().map(\.step) == [6, 7])
        try store.markBest(store.checkpoint(step: 6))
        try save(123_456_789)
        try save(123_456_790)
        #expect(try names() == ["best", "latest", "step-00000006", "step-123456789", "step-123456790"])
        #expect(store.latest()?.step == 123_456_790)
        #expect(message { try store.markBest(store.checkpoint(step: 1)) }.contains("cannot make the best one"))
        #expect(store.best()?.step == 6)
    }

    @Test func pruningPassesOverTheOneInUse() throws {
        let first = try save(1)
        var holds = [try first.hold(), try first.hold()]
        for step in 2...4 { try save(step) }
        #expect(try store.checkpoints().map(\.step) == [1, 3, 4])
        holds.removeLast()
        try save(5)
        #expect(try store.checkpoints().map(\.step) == [1, 4, 5])
        holds.removeLast()
        try save(6)
        #expect(try store.checkpoints().map(\.step) == [5, 6])
        #expect(throws: FileSystemError.self) { _ = try first.hold() }
    }

    @Test func pruningKeepsTheOneJustWrittenAmongNewerOnes() throws {
        for step in [10, 20, 30] { try save(step) }
        try save(5)
        #expect(try store.checkpoints().map(\.step) == [5, 20, 30])
        #expect(store.latest()?.step == 5)
    }

    @Test func committingTwiceChangesNothing() throws {
        let first = try save(3, best: true)
        let inode =
            try FileManager.default.attributesOfItem(atPath: first.file("config.json"))[.systemFileNumber] as? Int
        try save(3)
        let after =
            try FileManager.default.attributesOfItem(atPath: first.file("config.json"))[.systemFileNumber] as? Int
        #expect(inode != nil && inode == after)
        // What an earlier process did and did not bring to disk is brought there now.
        let synced = Mutex<[String]>([])
        let operations = FileOperations { operation in
            if operation.kind == .syncFolder { synced.withLock { $0.append(operation.path) } }
        }
        try saveCheckpoint(3, "step 3", in: CheckpointStore(folder: store.folder, operations: operations))
        #expect(synced.withLock { $0.last } == store.folder)
        #expect(try names() == ["best", "latest", "step-00000003"])
    }

    @Test func aDamagedOrDifferentCheckpointOfTheStepIsReplaced() throws {
        let checkpoint = try save(3)
        _ = try folder.write([1], to: "run/checkpoints/step-00000003/config.json")
        try save(3)
        #expect(try checkpoint.verify() == [])
        try FileManager.default.removeItem(atPath: checkpoint.file("SHA256SUMS"))
        try save(3)
        #expect(try checkpoint.verify() == [])
        try save(3, "another run")
        #expect(try contents(checkpoint.file("config.json")) == Array("another run".utf8))
        #expect(try checkpoint.verify() == [])
        #expect(try names() == ["latest", "step-00000003"])
    }

    @Test func verifyNamesEveryFault() throws {
        let checkpoint = try save(3)
        _ = try folder.write([1], to: "run/checkpoints/step-00000003/notes")
        #expect(try checkpoint.verify() == ["notes"])
        try FileManager.default.removeItem(atPath: checkpoint.file("vocab.txt"))
        _ = try folder.write([1], to: "run/checkpoints/step-00000003/config.json")
        try FileManager.default.removeItem(atPath: checkpoint.file("model.safetensors"))
        try FileManager.default.createDirectory(
            atPath: checkpoint.file("model.safetensors"), withIntermediateDirectories: false)
        let error = message { try checkpoint.verify() }
        #expect(error.hasPrefix("\(checkpoint.path) is damaged: "))
        #expect(error.contains("vocab.txt is missing"))
        #expect(error.contains("config.json has SHA-256 4bf5122f"))
        #expect(error.contains("model.safetensors is unreadable (cannot read"))
        #expect(error.contains("notes is not listed"))
    }

    @Test(arguments: [
        ("", "does not end in a whole line"), ("\n", "no digest and file name in line 1"),
        ("abc  config.json\n", "line 1"), (String(repeating: "a", count: 64) + "  ../config.json\n", "line 1"),
        (String(repeating: "a", count: 64) + " config.json\n", "line 1"),
        (String(repeating: "A", count: 64) + "  config.json\n", "line 1"),
        (String(repeating: "a", count: 64) + "  config.json", "whole line"),
        (String(repeating: String(repeating: "a", count: 64) + "  config.json\n", count: 2), "lists config.json twice"),
    ])
    func verifyRefusesMalformedSums(_ sums: String, _ expected: String) throws {
        let checkpoint = try save(3)
        _ = try folder.write(Array(sums.utf8), to: "run/checkpoints/step-00000003/SHA256SUMS")
        let error = message { try checkpoint.verify() }
        #expect(error.contains("is damaged: SHA256SUMS") && error.contains(expected), "\(error)")
    }

    @Test func theNewestThatVerifiesIsFound() throws {
        var reports: [String] = []
        #expect(try store.newestVerified { reports.append($0) } == nil)
        try save(1)
        try save(2)
        #expect(try store.newestVerified { reports.append($0) }?.step == 2)
        #expect(reports == [])
        _ = try folder.write([1], to: "run/checkpoints/step-00000002/vocab.txt")
        #expect(try store.newestVerified { reports.append($0) }?.step == 1)
        #expect(reports.count == 1)
        #expect(reports.first?.hasPrefix("passed over: \(store.folder)/step-00000002 is damaged: vocab.txt") == true)
        _ = try folder.write([1], to: "run/checkpoints/step-00000001/notes")
        #expect(try store.newestVerified { reports.append($0) }?.step == 1)
        #expect(reports.last?.hasSuffix("does not list: notes") == true)
        try FileManager.default.removeItem(atPath: store.checkpoint(step: 1).file("SHA256SUMS"))
        #expect(try store.newestVerified { reports.append($0) } == nil)
    }

    @Test func foldersOfOtherNamesAreNoCheckpoints() throws {
        try save(1)
        for name in ["step-2", "step-000000002", "step-0000000x", "step--0000001", "step-00000002.bak"] {
            try FileManager.default.createDirectory(
                atPath: "\(store.folder)/\(name)", withIntermediateDirectories: true)
        }
        #expect(try store.checkpoints().map(\.step) == [1])
    }

    @Test func aDraftLetGoOfLeavesNothing() throws {
        struct Stop: Error {}
        var draft: CheckpointDraft? = try store.begin(step: 4)
        #expect(throws: Stop.self) {
            try draft?.addFile(named: "config.json") { file in
                try file.write("half")
                throw Stop()
            }
        }
        #expect(try names().count == 1)
        draft = nil
        #expect(try names() == [])
    }

    @Test func unusableRequestsAreRefused() throws {
        let draft = try store.begin(step: 4)
        #expect(message { try draft.commit() }.contains("the draft holds no file"))
        for name in ["", ".", "..", "a/b", "SHA256SUMS", "a\nb", "a\\b"] {
            #expect(message { try draft.add(file: name, []) }.contains("is no name for a file of a checkpoint"))
        }
        try draft.add(file: "a", [])
        #expect(message { try draft.add(file: "a", []) }.contains("\"a\" is added twice"))
        try draft.commit()
        #expect(message { try draft.add(file: "b", []) }.contains("after the draft's end"))
        #expect(message { try draft.commit() }.contains("after its end"))
    }

    @Test func aFolderThatVanishedIsNamed() throws {
        let draft = try store.begin(step: 4)
        try draft.add(file: "a", [1])
        try FileManager.default.removeItem(atPath: store.folder)
        let error = message { try draft.commit() }
        #expect(error.hasPrefix("cannot create \(store.folder)/.tmp-step-00000004-"))
        #expect(error.hasSuffix("No such file or directory"))
    }

    @Test func aFolderThatCannotBeIsNamed() throws {
        let file = try folder.write([1])
        let error = message { _ = try CheckpointStore(folder: "\(file)/checkpoints").begin(step: 1) }
        #expect(error == "cannot create the folder \(file): Not a directory")
        #expect(try CheckpointStore(folder: "\(file)/checkpoints").sweep() == [])
    }

    @Test func aStoreBehindALinkWorks() throws {
        try FileManager.default.createDirectory(atPath: folder.file("disk"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.file("run"), withDestinationPath: "disk")
        try save(1)
        #expect(try folder.names(in: "disk/checkpoints") == ["latest", "step-00000001"])
    }
}

/// Writes a small checkpoint of which one file holds `text`.
@discardableResult
func saveCheckpoint(_ step: Int, _ text: String, in store: CheckpointStore, best: Bool = false) throws -> Checkpoint {
    let draft = try store.begin(step: step)
    try draft.add(file: "config.json", text: text)
    try draft.addFile(named: "vocab.txt") { file in
        try file.write("one\n")
        try file.write("two\n")
    }
    try draft.addSafetensors(named: "model.safetensors", tensors: [.init("x", shape: [2])]) { writer in
        try [1, 2].withUnsafeBufferPointer { try writer.write("x", $0) }
    }
    return try draft.commit(links: best ? [CheckpointStore.bestName] : [])
}
