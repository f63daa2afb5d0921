import Checkpoints
import Foundation
import MultiTaskBERT
import TaskData

/// The plan of a run's steps, for other programs to replay.
public struct PlanPrinter {
    private let planner: StepPlanner

    /// - Throws: what is wrong with the configuration or its files.
    public init(_ configuration: RunConfiguration) throws {
        let datasets = try configuration.tasks.map { try TaskDataset(TaskDescription($0), seed: configuration.seed) }
        planner = try configuration.planner(datasets, shardCount: try configuration.batch.shards.count(ranks: 1))
    }

    /// Calls `body` with one JSON object a step.
    public func lines(_ steps: Range<Int>, _ body: (String) -> Void) {
        let names = planner.tasks.map(\.name)
        for step in steps { body(planner.plan(step: step).json(taskNames: names)) }
    }
}

/// What a checkpoint holds, in words.
public struct CheckpointDescription {
    public let text: String

    /// Verifies the checkpoint and reads everything but its tensors.
    public init(_ path: String) throws {
        let saved = try SavedModel(checkpoint: path)
        let configuration = saved.model.configuration
        var lines = [
            "checkpoint   \(path)"
                + (FileManager.default.fileExists(atPath: "\(path)/SHA256SUMS") ? " (verified)" : ""),
            "encoder      \(configuration.layerCount) layers, hidden size \(configuration.hiddenSize), "
                + "\(configuration.attentionHeadCount) attention heads, vocabulary \(configuration.vocabularySize)",
            "parameters   \(saved.model.layout.parameterCount)",
        ]
        for task in saved.model.tasks {
            lines.append("task         \(task.name): \(task.labels.joined(separator: ", "))")
        }
        if let state = try? TrainerState(file: path + "/trainer_state.json") {
            lines.append("step         \(state.step) (\(state.skippedSteps) skipped)")
            lines.append("seed         \(state.seed)")
            lines.append("shards       \(state.shards) a step")
            if let best = state.best {
                lines.append("best so far  \(best.criterion) \(best.score) at step \(best.step)")
            }
        }
        lines.append("model        sha256 \(try sha256(ofFile: path + "/model.safetensors"))")
        text = lines.joined(separator: "\n")
    }
}
