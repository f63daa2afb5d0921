import Foundation
import MultiTaskBERT
import Testing
import Training

/// Folders and files that say impossible or malicious things without being damaged.
@Suite final class HostileFolderTests {
    let folder = NSTemporaryDirectory() + "hostile-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ text: String, to name: String) throws {
        let path = "\(folder)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    private func problem(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "none"
        } catch {
            return "\(error)".replacingOccurrences(of: folder, with: "DIR")
        }
    }

    @Test(arguments: ["..", ".", "../../..", "/etc", "", "x\0y", "a/b"])
    func aRevisionOfTheHubLeadsNowhereElse(_ revision: String) throws {
        try write(revision, to: "models--a--b/refs/main")
        for place in [
            "models--a--b/config.json", "models--a--b/snapshots/config.json", "models--a--b/snapshots/x/config.json",
        ] {
            try write("{}", to: place)
        }
        let cache = HubCache(environment: ["HF_HUB_CACHE": folder, "HF_HUB_OFFLINE": "1"])
        #expect(throws: ModelError.self) { try cache.folder(of: "a/b") }
    }

    @Test(arguments: ["../..", "..", "a/../../b", "/etc", "a\0b", ""])
    func anIdOfTheHubLeadsNowhereElse(_ identifier: String) throws {
        try write("main", to: "hub/models--x/refs/main")
        try write("{}", to: "config.json")
        let cache = HubCache(environment: ["HF_HUB_CACHE": folder + "/hub", "HF_HUB_OFFLINE": "1"])
        #expect(throws: ModelError.self) { try cache.folder(of: identifier) }
    }

    @Test func tasksOfACheckpointAreThoseThatARunCouldHave() throws {
        func told(_ heads: String) throws -> String {
            try write("{\"multi_task_heads\": \(heads)}", to: "config.json")
            return problem { _ = try SavedModel(checkpoint: folder) }
        }
        let start = "DIR/config.json: multi_task_heads"
        // Two labels of one name would end `export`, none of them `predict`.
        #expect(
            try told(#"[{"name": "a", "labels": ["x", "x"]}]"#) == "\(start): task \"a\": names the label \"x\" twice")
        #expect(
            try told(#"[{"name": "a", "labels": []}]"#) == "\(start): task \"a\": needs two labels or more, and has ")
        let twice = #"{"name": "a", "labels": ["x", "y"]}"#
        #expect(try told("[\(twice), \(twice)]") == "\(start) holds the task \"a\" twice")
        #expect(try told("[]") == "\(start) holds no task")
    }

    @Test func numbersThatTakeAllMemoryAreRefused() throws {
        func told(_ step: String, _ shards: String) throws -> String {
            try write(
                """
                {"version": 1, "step": \(step), "updates": 0, "taskUpdates": [], "skippedInARow": 0, "skippedSteps": 0,
                 "seed": 1, "shards": \(shards), "configurationDigest": ""}
                """, to: "trainer_state.json")
            return problem { _ = try TrainerState(file: folder + "/trainer_state.json") }
        }
        #expect(try told("10", "8") == "none")
        #expect(try told("10", "4611686018427387904").hasSuffix("impossible values"))
        #expect(try told("9223372036854775807", "8").hasSuffix("impossible values"))
    }

    @Test(arguments: ["config.json", "trainer_state.json"])
    func pipesAreRefused(_ name: String) throws {
        let path = "\(folder)/\(name)"
        try #require(mkfifo(path, 0o600) == 0)
        #expect(throws: ModelError.self) { try BERTConfiguration(file: path) }
        #expect(throws: ModelError.self) { try TrainerState(file: path) }
        #expect(throws: ModelError.self) { try SavedModel(checkpoint: folder) }
    }

    @Test func modelsOfTooFewPositionsAreRefused() throws {
        try write("{\"max_position_embeddings\": 2}", to: "config.json")
        #expect(
            problem { _ = try BERTConfiguration(file: folder + "/config.json") }
                == "DIR/config.json: max_position_embeddings is 2: it must be a number from 3.0 to 10000000.0")
    }

    @Test func quotedControlCharactersAreHarmless() {
        #expect(harmless("label \u{1B}[2Jé\n\ttwo\u{0}") == "label \\u{1B}[2Jé\n\ttwo\\0")
    }
}
