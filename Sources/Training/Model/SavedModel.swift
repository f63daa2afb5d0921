import Checkpoints
import Foundation
import LinearAlgebra
import MultiTaskBERT
import TaskData
import Tokenization

/// A trained model as a checkpoint holds it: encoder, all classification heads, and the tokenizer.
public struct SavedModel: Sendable {
    /// Where the checkpoint lies: not by way of a link such as `latest`, which may come to point to another one.
    let folder: String
    private let hold: CheckpointHold?
    /// Whether its files were verified against their checksums.
    let isVerified: Bool
    public let model: ModelShape
    public private(set) var tokenizer: WordPieceTokenizer
    /// The flat buffer in the layout of `model`.
    public let parameters: FloatBuffer

    /// The most tokens of a text in training, special tokens included.
    public let maxLength: Int

    /// The key of `config.json` under which the tasks and their labels stand.
    static let tasksKey = "multi_task_heads"
    private static let maxLengthKey = "multi_task_max_length"
    private static let poolingKey = "multi_task_pooling"
    private static let truncationKey = "multi_task_truncation"

    /// Reads a checkpoint folder. Files are verified against their checksums where the folder has some.
    ///
    /// - Throws: `ModelError`, `TensorFileError`, `TokenizerError` or `DamagedCheckpointError`.
    public init(checkpoint path: String) throws {
        try Self.requirePresence(path)
        let (path, hold) = Self.hold(path)
        (folder, self.hold) = (path, hold)
        isVerified = FileManager.default.fileExists(atPath: "\(path)/\(Checkpoint.sumsName)")
        // What a run saved has checksums too. Who copies a model for its own sake may leave both files behind.
        if isVerified || FileManager.default.fileExists(atPath: "\(path)/trainer_state.json") {
            _ = try verifyCheckpoint(path)
        }
        let heads = try Self.heads(of: path)
        let source = try EncoderSource(folder: path)
        model = ModelShape(source.configuration, tasks: heads.tasks, pooling: heads.pooling)
        maxLength = min(heads.maxLength ?? 128, source.configuration.maximumLength)
        try source.requireRoom(for: model)
        tokenizer = source.tokenizer
        tokenizer.truncation = heads.truncation
        parameters = FloatBuffer(count: model.layout.count)
        let weights = try source.weights()
        try model.loadParameters(
            from: weights.source, file: weights.file, as: .checkpoint, into: parameters.view, note: { _ in })
    }

    /// Follows links, and keeps a run from deleting the checkpoint where it is a run's.
    private static func hold(_ path: String) -> (folder: String, hold: CheckpointHold?) {
        // A checkpoint that is being deleted has lost its links: another attempt finds the one that they point to now.
        for _ in 0..<10 {
            guard let checkpoint = try? Checkpoint(folder: path) else { break }
            if let hold = try? checkpoint.hold() { return (checkpoint.path, hold) }
        }
        return (URL(fileURLWithPath: path).resolvingSymlinksInPath().path, nil)
    }

    /// The place of a task in the model.
    ///
    /// - Throws: `UsageError` that lists the tasks there are.
    public func index(ofTask name: String) throws -> Int {
        if let index = model.tasks.firstIndex(where: { $0.name == name }) { return index }
        let names = model.tasks.map(\.name).joined(separator: ", ")
        throw UsageError("the checkpoint has no task \"\(name)\"; its tasks are \(names)")
    }

    /// Our own keys of a checkpoint's `config.json`.
    private struct Heads: Decodable {
        let tasks: [ClassificationTask]
        let maxLength: Int?
        private let poolingName: String?
        private let truncationName: String?

        var pooling: Pooling { poolingName.flatMap(Pooling.init) ?? .firstToken }
        var truncation: Truncation { truncationName.flatMap(Truncation.init) ?? .head }

        /// A key that holds something this program does not know, or nil.
        var strangeKey: String? {
            if let poolingName, Pooling(rawValue: poolingName) == nil { return SavedModel.poolingKey }
            if let truncationName, Truncation(rawValue: truncationName) == nil { return SavedModel.truncationKey }
            return nil
        }

        enum CodingKeys: String, CodingKey {
            case tasks = "multi_task_heads"
            case maxLength = "multi_task_max_length"
            case poolingName = "multi_task_pooling"
            case truncationName = "multi_task_truncation"
        }
    }

    /// - Throws: `ModelError` where the folder holds no model at all.
    static func requirePresence(_ path: String) throws {
        let files = FileManager.default
        if files.fileExists(atPath: path + "/config.json") { return }
        guard files.fileExists(atPath: path) else { throw ModelError("\(path): there is no such folder") }
        let latest = "\(path)/checkpoints/\(CheckpointStore.latestName)"
        let hint = "; it is the folder of a run, with checkpoints such as \(latest)"
        throw ModelError(
            "\(path): this is no checkpoint: it has no config.json" + (files.fileExists(atPath: latest) ? hint : ""))
    }

    /// The tasks of the heads in a model's folder; nil where it is no checkpoint.
    static func tasks(ofHeadsIn folder: String) -> [ClassificationTask]? { (try? heads(of: folder))?.tasks }

    /// How a checkpoint's texts were cut in training; nil where it does not say so.
    static func batch(of checkpoint: String) -> RunConfiguration.Batch? {
        guard let heads = try? heads(of: checkpoint), let maxLength = heads.maxLength else { return nil }
        var batch = RunConfiguration.Batch()
        batch.maxLength = maxLength
        batch.truncation = heads.truncation == .head ? .head : .headAndTail
        return batch
    }

    private static func heads(of path: String) throws -> Heads {
        let file = path + "/config.json"
        guard let bytes = try? wholeFile(file), let heads = try? JSONDecoder().decode(Heads.self, from: Data(bytes))
        else {
            throw ModelError("\(file) has no key \(tasksKey): this is an encoder, not a checkpoint of a multi-task run")
        }
        if let key = heads.strangeKey {
            throw ModelError("\(file): \(key) holds a word that this version does not know")
        }
        // As a run's own tasks were held against before they were saved.
        for (place, task) in heads.tasks.enumerated() {
            do {
                if task.kind != .regression { _ = try LabelSet(task.labels, task: task.name) }
            } catch {
                throw ModelError("\(file): \(tasksKey): \(error)")
            }
            if heads.tasks[..<place].contains(where: { $0.name == task.name }) {
                throw ModelError("\(file): \(tasksKey) holds the task \"\(task.name)\" twice")
            }
        }
        guard !heads.tasks.isEmpty else { throw ModelError("\(file): \(tasksKey) holds no task") }
        return heads
    }

    /// The `config.json` of a checkpoint: the encoder's keys and the tasks with their labels.
    static func configJSON(_ model: ModelShape, maxLength: Int, truncation: Truncation) throws -> [UInt8] {
        var keys = model.configuration.json
        keys[maxLengthKey] = .number(Double(maxLength))
        keys[poolingKey] = .string(model.pooling.rawValue)
        keys[truncationKey] = .string(truncation.rawValue)
        keys[tasksKey] = .array(
            model.tasks.map { task in
                var keys: [String: JSONValue] = [
                    "name": .string(task.name), "labels": .array(task.labels.map(JSONValue.string)),
                    "kind": .string(task.kind.rawValue),
                ]
                keys["pairs"] = task.takesPairs.map(JSONValue.bool)
                return .object(keys)
            })
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(keys)) + [UInt8(ascii: "\n")]
    }
}
