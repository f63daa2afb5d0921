import Checkpoints
import Foundation
import LinearAlgebra
import MultiTaskBERT
import TaskData

/// One task of a checkpoint as a model of its own, which `BertForSequenceClassification.from_pretrained` and
/// `pipeline("text-classification")` read.
public struct SingleTaskModel {
    private let saved: SavedModel
    private let task: Int

    /// - Throws: `UsageError` for a task that the checkpoint does not have, and what reading the checkpoint throws.
    public init(checkpoint: String, task name: String) throws {
        saved = try SavedModel(checkpoint: checkpoint)
        task = try saved.index(ofTask: name)
        if saved.model.pooling == .mean {
            throw UsageError(
                "\(checkpoint) was trained with pooling: mean, which BertForSequenceClassification does not have; use "
                    + "predict, or read the checkpoint as BertModel and take the mean over the tokens")
        }
    }

    /// Where transformers will give other scores than `predict`; nil where it will not.
    public var difference: String? {
        guard saved.tokenizer.truncation == .headAndTail else { return nil }
        return "of texts with more than \(saved.maxLength) tokens transformers keeps the head, and predict head and "
            + "tail: their scores differ"
    }

    /// Writes weights, configuration with the label names, and the tokenizer.
    ///
    /// - Parameter folder: is made; must not hold anything yet.
    /// - Throws: `UsageError` where the folder is not empty; a file system error.
    public func write(to folder: String) throws {
        let files = FileManager.default
        let isThere = files.fileExists(atPath: folder)
        if let present = try? files.contentsOfDirectory(atPath: folder), !present.isEmpty {
            throw UsageError("\(folder) is not empty; choose a new folder")
        }
        do {
            try writeFiles(to: folder)
        } catch {
            // A part of a model is none, and would be in the way of another try.
            for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] {
                try? files.removeItem(atPath: "\(folder)/\(name)")
            }
            if !isThere { try? files.removeItem(atPath: folder) }
            throw error
        }
    }

    private func writeFiles(to folder: String) throws {
        let files = FileManager.default
        let tokenizer = try EncoderSource(folder: saved.folder).tokenizerFiles(maxLength: saved.maxLength)
        do {
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (name, contents) in tokenizer + [("config.json", try configJSON())] {
                try Data(contents).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
            }
        } catch let error as CocoaError {
            throw UsageError("\(folder) cannot be written: \(error.localizedDescription)")
        }
        let tensors = saved.model.layout.tensors.compactMap { tensor in name(of: tensor).map { (tensor, $0) } }
        try SafetensorsWriter.write(
            toFile: folder + "/model.safetensors", tensors: tensors.map { .init($0.1, shape: $0.0.shape) }
        ) { writer in
            for (tensor, name) in tensors {
                try writer.write(name, UnsafeBufferPointer(saved.parameters.view.slice(tensor.range).elements))
            }
        }
    }

    /// The tensor's name in the single-task model; nil for other tasks' heads.
    private func name(of tensor: ParameterTensor) -> String? {
        guard let owner = tensor.task else { return tensor.name }
        return owner == task ? "classifier." + (tensor.name.split(separator: ".").last ?? "") : nil
    }

    private func configJSON() throws -> [UInt8] {
        let task = saved.model.tasks[task]
        let labels = task.kind == .regression ? ["LABEL_0"] : task.labels
        var keys = saved.model.configuration.json
        keys["architectures"] = .array([.string("BertForSequenceClassification")])
        let problems: [TaskKind: String] = [
            .singleLabel: "single_label_classification", .multiLabel: "multi_label_classification",
            .regression: "regression",
        ]
        keys["problem_type"] = problems[task.kind].map(JSONValue.string)
        keys["id2label"] = .object(
            Dictionary(uniqueKeysWithValues: labels.enumerated().map { ("\($0.offset)", .string($0.element)) }))
        keys["label2id"] = .object(
            Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($0.element, .number(Double($0.offset))) }))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(keys)) + [UInt8(ascii: "\n")]
    }
}
