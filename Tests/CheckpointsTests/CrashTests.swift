import Checkpoints
import Foundation
import Testing

/// Stops a store at every operation on the file system in turn, and looks at what is left.
@Suite struct CrashTests {
    /// A run and what it knows to be on disk.
    private struct Run {
        /// The newest step whose commit returned and that was not damaged since.
        var committed = 0
        var damaged: Int?

        /// Five checkpoints, pruned to two, the best one moving, a step saved twice, a damaged one and one of other content
        /// replaced.
        mutating func perform(in store: CheckpointStore) throws {
            try save(1, in: store, best: true)
            try save(2, in: store)
            try save(3, in: store, best: true)
            try save(3, in: store)
            try save(4, in: store)
            try Data([0]).write(to: URL(fileURLWithPath: store.checkpoint(step: 4).file("config.json")))
            (committed, damaged) = (3, 4)
            try save(4, in: store)
            damaged = nil
            try save(4, "other content", in: store)
            try save(5, in: store)
        }

        private mutating func save(
            _ step: Int, _ text: String = "some content", in store: CheckpointStore, best: Bool = false
        ) throws {
            try saveCheckpoint(step, text, in: store, best: best)
            committed = step
        }
    }

    @Test(arguments: Crash.Ending.allCases)
    func everyOperationMayBeTheLast(_ ending: Crash.Ending) throws {
        var operation = 0
        while try survives(Crash(at: operation, ending)) { operation += 1 }
        #expect(operation > 150)
    }

    /// False where the run ended before the crash could happen.
    private func survives(_ crash: Crash) throws -> Bool {
        let folder = try TemporaryFolder(inMemory: true)
        let path = folder.file("run/checkpoints")
        let store = CheckpointStore(
            folder: path, keep: 2, operations: FileOperations(before: { try crash.before($0) }))
        var run = Run()
        var thrown: (any Error)?
        do { try run.perform(in: store) } catch { thrown = error }
        guard let last = crash.place else {
            #expect(thrown == nil)
            return false
        }
        #expect(thrown != nil)
        try crash.losePower()

        let place = Comment(rawValue: "operation \(crash.number): \(last.kind) \(last.path)")
        let newer = CheckpointStore(folder: path, keep: 2)
        let leftovers = try newer.sweep()
        if crash.ending == .failure, ![.removeFile, .removeFolder, .syncFolder].contains(last.kind) {
            #expect(leftovers.isEmpty, place)
        }
        let found = try newer.newestVerified { _ in }
        #expect(found?.step ?? 0 >= run.committed, place)
        for checkpoint in try newer.checkpoints() where checkpoint.step != run.damaged {
            #expect(throws: Never.self, place) { try checkpoint.verify() }
        }
        let names = (try? folder.names(in: "run/checkpoints")) ?? []
        #expect(!names.contains { $0.hasPrefix(".tmp-") }, place)
        for name in names where ["best", "latest"].contains(name) {
            #expect(FileManager.default.fileExists(atPath: "\(path)/\(name)/config.json"), place)
        }
        if run.committed > 0 { #expect(newer.best() != nil, place) }
        // Life goes on.
        let next = try saveCheckpoint(6, "step 6", in: newer)
        #expect(try newer.newestVerified { _ in } == next, place)
        #expect(newer.latest() == next, place)
        return true
    }
}
