import Foundation
import Testing

/// Everything here starts whole programs that fill the machine: one test at a time.
@Suite(.serialized) enum EndToEnd {}

/// A folder of a user with two small tasks and a small encoder, which goes when it is let go of.
final class Project {
    let folder: String
    static let labels = ["yesno": ["no", "yes"], "mood": ["bad", "fine", "good"]]
    static let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/tiny-bert").path

    init() throws {
        folder = NSTemporaryDirectory() + "mtbert-project-" + UUID().uuidString
        for name in ["data", "model"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        for name in ["config.json", "model.safetensors", "vocab.txt"] {
            try FileManager.default.copyItem(atPath: "\(Self.fixture)/\(name)", toPath: "\(folder)/model/\(name)")
        }
        try write("data/yesno.train.tsv", Self.rows("yesno", 45, salt: 1))
        try write("data/yesno.dev.tsv", Self.rows("yesno", 70, salt: 2))
        try write("data/yesno.test.tsv", Self.rows("yesno", 37, salt: 3))
        try write("data/mood.train.tsv", Self.rows("mood", 26, salt: 4))
        try write("data/mood.dev.tsv", Self.rows("mood", 33, salt: 5))
        try write("data/mood.test.tsv", Self.rows("mood", 41, salt: 6))
        try write("run.yaml", Self.configuration)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Nine steps and a bit of each kind of thing; dropout is the model's own 0.1.
    static let configuration = """
        model: model
        tasks:
          - name: yesno
            train: data/yesno.train.tsv
            dev: data/yesno.dev.tsv
            test: data/yesno.test.tsv
            labels: [no, yes]
          - name: mood
            train: data/mood.train.tsv
            dev: data/mood.dev.tsv
            test: data/mood.test.tsv
            weight: 0.5
        batch: {size: 16, max_length: 24}
        steps: 9
        optimizer: {learning_rate: 1.0e-3}
        evaluation: {every: 4}
        checkpoint: {every: 3, keep: 5}

        """

    /// Rows of uneven lengths in the words of the small encoder's vocabulary, the label at the end.
    static func rows(_ task: String, _ count: Int, salt: Int) -> String {
        let words = ["the", "film", "is", "not", "good", "bad", "but", "falling", "gladly", "好", "abc", "!"]
        let names = labels[task] ?? []
        let lines = (0..<count).map { row in
            let length = 1 + (row * row * 5 + salt * 3) % 29
            let text = (0..<length).map { words[(row * 7 + $0 * ($0 + salt) + salt) % words.count] }
            return text.joined(separator: " ") + "\t" + names[(row * 3 + salt + row / 4) % names.count]
        }
        return (["text\tlabel"] + lines).joined(separator: "\n") + "\n"
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func write(_ name: String, _ text: String) throws { try write(name, Data(text.utf8)) }

    func write(_ name: String, _ data: Data) throws { try data.write(to: URL(fileURLWithPath: path(name))) }

    func text(_ name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    func names(in name: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
    }

    /// Changes a file's text, which must hold `old`.
    func replace(_ old: String, with new: String, in name: String) throws {
        let before = try text(name)
        try #require(before.contains(old))
        try write(name, before.replacingOccurrences(of: old, with: new))
    }

    /// The arguments that train this project's configuration into a folder of it.
    func training(into output: String, _ more: [String] = []) -> [String] {
        ["train", path("run.yaml"), "--output", path(output)] + more
    }

    /// Trains and expects success.
    @discardableResult
    func train(
        into output: String, ranks: Int = 1, _ more: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Program.Outcome {
        let outcome = try await Program.run(training(into: output, more), ranks: ranks)
        try #require(outcome.code == 0, "\(outcome)", sourceLocation: sourceLocation)
        return outcome
    }

    /// The lines of a run's log.
    func log(_ output: String) throws -> [[String: Any]] {
        try text(output + "/metrics.jsonl").split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }

    func log(_ output: String, _ event: String) throws -> [[String: Any]] {
        try log(output).filter { $0["event"] as? String == event }
    }

    /// What `sha256sum` says of both tensor files of a checkpoint.
    func sums(_ checkpoint: String) async throws -> [String] {
        let files = ["model.safetensors", "optimizer.safetensors"].map { path("\(checkpoint)/\($0)") }
        let outcome = try await RunningProgram("/usr/bin/env", ["sha256sum"] + files).end(limit: 30)
        try #require(outcome.code == 0, "\(outcome)")
        return outcome.output.split(separator: "\n").map { String($0.prefix(64)) }
    }
}
