import Checkpoints
import Foundation
import MultiTaskBERT
import TaskData

/// What a checkpoint holds besides tensors (`trainer_state.json`).
package struct TrainerState: Sendable, Equatable, Codable {
    struct Best: Sendable, Equatable, Codable {
        var step: Int
        var criterion: String
        var score: Double
    }

    /// A task's training file, by what is in it.
    struct TrainingFile: Sendable, Equatable, Codable {
        var rows: Int
        var sha256: String

        init(_ file: TaskFile) {
            rows = file.rowCount
            sha256 = file.withContents { Checkpoints.sha256(of: $0) }
        }
    }

    /// The form of this file.
    var version = 1
    /// Steps done.
    var step = 0
    /// Updates of the encoder: steps less those that were skipped; the optimizer's bias correction counts them.
    var updates = 0
    /// Updates of each task's classification head: those of steps in which the task had examples.
    var taskUpdates: [Int]
    /// Steps skipped in a row up to now, and in all.
    var skippedInARow = 0
    var skippedSteps = 0
    /// Whether an evaluation of this step was left undone by a stop: the resumed run begins with it. Nil means no.
    var evaluationIsDue: Bool?
    /// What the rule that weights tasks has learned; nil where it learns nothing.
    var weighting: [Double]?
    /// How far each task has come; nil before the first evaluation.
    var taskProgress: [TaskProgress]?
    /// Of each task: plans name rows, and heads have labels, of this file and no other. Nil in older states.
    var trainingFiles: [TrainingFile]?
    var seed: UInt64
    /// Canonical shards of a step, which a resumed run keeps.
    var shards: Int
    var best: Best?
    /// Beside `latest`, the names that shall point to the checkpoint with this state: a run that goes on from it gives them to it
    /// where the one before was cut off in between. Nil means none; a run itself has none.
    var links: [String]?
    /// SHA-256 of everything in the configuration that decides the result.
    var configurationDigest: String

    /// Reads a `trainer_state.json`.
    package init(file path: String) throws {
        guard let bytes = try? wholeFile(path) else {
            throw ModelError("\(path): there is no such file, or it cannot be read: nothing can be resumed from here")
        }
        do {
            self = try JSONDecoder().decode(TrainerState.self, from: Data(bytes))
        } catch {
            throw ModelError("\(path) is not the state of a trainer: \(error)")
        }
        // A step has to fit into the word of `RunPlace`, and shards take memory.
        guard version == 1, (0...1 << 48).contains(step), (0...step).contains(updates), (1...4096).contains(shards),
            skippedInARow >= 0, skippedSteps >= 0, taskUpdates.allSatisfy({ (0...updates).contains($0) })
        else {
            throw ModelError("\(path): version, step, updates, skipped steps or shards hold impossible values")
        }
    }

    init(taskCount: Int, seed: UInt64, shards: Int, configurationDigest: String) {
        taskUpdates = Array(repeating: 0, count: taskCount)
        self.seed = seed
        self.shards = shards
        self.configurationDigest = configurationDigest
    }

    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
        }
    }

    /// - Parameter files: of a run that is to go on from here.
    /// - Throws: `UsageError` that names a training file with other contents than the run was trained on.
    func requireTrainingFiles(_ files: [TrainingFile], of datasets: [TaskDataset]) throws {
        guard let trainingFiles, trainingFiles.count == files.count else { return }
        for (dataset, (before, now)) in zip(datasets, zip(trainingFiles, files)) where before != now {
            throw UsageError(
                "tasks.\(dataset.name).train: \(dataset.train.name) has changed since step \(step) (\(before.rows) rows then, "
                    + "\(now.rows) now): bring the old one back, or choose another --output")
        }
    }
}
