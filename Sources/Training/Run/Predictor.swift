import Foundation
import Kernels
import MultiTaskBERT
import TaskData
import Tokenization

/// Labels texts with one classification head of a checkpoint.
public struct Predictor {
    /// What the model says of a text.
    public enum Answer: Sendable {
        /// The label, and every label's probability, in the order of the head's outputs.
        case label(String, scores: [(label: String, probability: Double)])
        /// The labels of more than even chance, and the probability of each label.
        case labels([String], scores: [(label: String, probability: Double)])
        case value(Double)

        /// `{"label":…,"scores":{…}}`, `{"labels":[…],"scores":{…}}` or `{"value":…}`.
        public var json: String {
            func object(_ scores: [(label: String, probability: Double)]) -> String {
                "{" + scores.map { "\(quoted($0.label)):\($0.probability)" }.joined(separator: ",") + "}"
            }
            return switch self {
            case .label(let label, let scores): "{\"label\":\(quoted(label)),\"scores\":\(object(scores))}"
            case .labels(let labels, let scores):
                "{\"labels\":[\(labels.map(quoted).joined(separator: ","))],\"scores\":\(object(scores))}"
            case .value(let value): "{\"value\":\(value)}"
            }
        }
    }

    private let saved: SavedModel
    private let task: Int
    private let maxLength: Int
    private let pass: ModelPass
    /// Whether a line holds two texts with a tab between them.
    private let takesPairs: Bool

    /// - Parameters:
    ///   - maxLength: the most tokens of a text; as in training where nil.
    ///   - arePairs: whether a line is said to hold two texts with a tab between them; so it does where the task has pairs.
    /// - Throws: `ModelError`, `UsageError` and what reading the checkpoint throws.
    public init(checkpoint: String, task name: String, maxLength: Int? = nil, arePairs: Bool = false) throws {
        saved = try SavedModel(checkpoint: checkpoint)
        task = try saved.index(ofTask: name)
        let maxLength = maxLength ?? saved.maxLength
        guard (3...saved.model.configuration.maximumLength).contains(maxLength) else {
            throw UsageError(
                "--max-length is \(maxLength); this model takes from 3 to \(saved.model.configuration.maximumLength)")
        }
        self.maxLength = maxLength
        let known = saved.model.tasks[task].takesPairs
        if arePairs, known == false {
            throw UsageError("--pairs: task \(name) was trained on single texts")
        }
        takesPairs = known ?? arePairs
        if takesPairs, saved.model.configuration.tokenTypeCount < 2 {
            throw UsageError("--pairs: this model has only one token type (type_vocab_size), and takes no pairs")
        }
        pass = ModelPass(saved.model, parameters: saved.parameters.view)
    }

    /// - Parameter firstLine: the number of the first line, for errors.
    /// - Throws: `TaskFileError` for a pair without a tab.
    public func predict(_ lines: [String], firstLine: Int = 1) throws -> [Answer] {
        if lines.isEmpty { return [] }
        let sequences = try lines.enumerated().map { place, line in
            let parts =
                takesPairs ? line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false) : [line[...]]
            guard !takesPairs || parts.count == 2 else {
                throw TaskFileError(
                    file: "standard input", line: firstLine + place,
                    message: "has no tab between the two texts of a pair: \(line.prefix(60))")
            }
            let text = saved.tokenizer.encode(
                String(parts[0]), pair: parts.count == 2 ? String(parts[1]) : nil, maxLength: maxLength)
            return PackedBatch.Sequence(
                ids: text.ids[...], secondSegmentStart: text.secondSegmentStart, task: task, label: 0)
        }
        // Each text is a shard of its own, so that an answer does not depend on the texts around it.
        let batch = PackedBatch(shards: sequences.enumerated().map { ($0.offset, [$0.element]) })
        return pass.logits(batch).map(answer)
    }

    private func answer(_ logits: [Float]) -> Answer {
        let names = saved.model.tasks[task].labels
        let scores = logits.map(Double.init)
        switch saved.model.tasks[task].kind {
        case .singleLabel:
            return .label(names[indexOfLargest(logits)], scores: Array(zip(names, softmax(scores))))
        case .multiLabel:
            let probabilities = scores.map(sigmoid)
            let chosen = zip(names, scores).filter { $0.1 > 0 }.map(\.0)
            return .labels(chosen, scores: Array(zip(names, probabilities)))
        case .regression: return .value(scores[0])
        }
    }
}

/// Prints token ids as other programs compare them.
public struct TokenPrinter {
    private let tokenizer: WordPieceTokenizer
    private let maxLength: Int

    /// - Throws: `UsageError` for a length without room for the special tokens; what reading the tokenizer throws.
    public init(modelFolder: String, maxLength: Int) throws {
        guard maxLength >= 2 else {
            throw UsageError("--max-length is \(maxLength); the two special tokens need at least 2")
        }
        tokenizer = try WordPieceTokenizer(modelFolder: modelFolder)
        self.maxLength = maxLength
    }

    /// The ids of a text, special tokens included, as a JSON array.
    public func tokens(of line: String) -> String {
        "[" + tokenizer.encode(line, maxLength: maxLength).ids.map(String.init).joined(separator: ",") + "]"
    }
}

/// A JSON string; YAML reads it too.
package func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    guard let data = try? encoder.encode(text) else { return "\"\"" }
    return String(decoding: data, as: UTF8.self)
}
