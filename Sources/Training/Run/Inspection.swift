import Checkpoints
import Foundation
import MultiTaskBERT
import TaskData

/// The plan of a run's steps, for other programs to replay.
public struct PlanPrinter {
    private let planner: StepPlanner
    /// Where the plan depends on the lengths of texts, and so on the model's tokenizer.
    private var balanced: BalancedPlanner?

    /// - Throws: what is wrong with the configuration or its files.
    public init(_ configuration: RunConfiguration) throws {
        let datasets = try configuration.tasks.map { try TaskDataset(TaskDescription($0), seed: configuration.seed) }
        planner = try configuration.planner(datasets, shardCount: try configuration.batch.shards.count(ranks: 1))
        guard configuration.batch.balance != .none else { return }
        var source = try EncoderSource(configuration)
        source.apply(configuration)
        balanced = BalancedPlanner(
            planner, tasks: datasets, encoder: source.tokenizer, maxLength: configuration.batch.maxLength,
            balance: configuration.batch.balance)
    }

    /// Calls `body` with one JSON object a step.
    public mutating func lines(_ steps: Range<Int>, _ body: (String) -> Void) {
        let names = planner.tasks.map(\.name)
        for step in steps {
            let plan = balanced?.plan(step: step) ?? planner.plan(step: step)
            body(plan.json(taskNames: names))
        }
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
                + (saved.isVerified ? " (verified)" : " (not verified: it has no \(Checkpoint.sumsName))"),
            "encoder      \(configuration.layerCount) layers, hidden size \(configuration.hiddenSize), "
                + "\(configuration.attentionHeadCount) attention heads, vocabulary \(configuration.vocabularySize)",
            "parameters   \(saved.model.layout.parameterCount)",
        ]
        for task in saved.model.tasks {
            let labels = task.labels.isEmpty ? "" : ": " + task.labels.joined(separator: ", ")
            let kind = task.kind == .singleLabel ? "" : " (\(task.kind.rawValue))"
            lines.append("task         \(task.name)\(kind)\(labels)")
        }
        if let state = try? TrainerState(file: saved.folder + "/trainer_state.json") {
            lines.append("step         \(state.step) (\(state.skippedSteps) skipped)")
            lines.append("seed         \(state.seed)")
            lines.append("shards       \(state.shards) a step")
            if let best = state.best {
                lines.append("best so far  \(best.criterion) \(best.score) at step \(best.step)")
            }
        }
        lines.append("model        sha256 \(try sha256(ofFile: saved.folder + "/model.safetensors"))")
        text = harmless(lines.joined(separator: "\n"))
    }
}
