import Foundation
import Kernels
import MultiTaskBERT
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

    /// - Parameter maxLength: the most tokens of a text; as in training where nil.
    /// - Throws: `ModelError`, `UsageError` and what reading the checkpoint throws.
    public init(checkpoint: String, task name: String, maxLength: Int? = nil) throws {
        saved = try SavedModel(checkpoint: checkpoint)
        task = try saved.index(ofTask: name)
        let maxLength = maxLength ?? saved.maxLength
        guard (3...saved.model.configuration.maximumLength).contains(maxLength) else {
            throw UsageError(
                "--max-length is \(maxLength); this model takes from 3 to \(saved.model.configuration.maximumLength)")
        }
        self.maxLength = maxLength
        pass = ModelPass(saved.model, parameters: saved.parameters.view)
    }

    /// - Parameter arePairs: whether a line holds two texts with a tab between them.
    /// - Throws: `UsageError` for a pair without a tab.
    public func predict(_ lines: [String], arePairs: Bool = false) throws -> [Answer] {
        if lines.isEmpty { return [] }
        guard !arePairs || saved.model.configuration.tokenTypeCount > 1 else {
            throw UsageError("--pairs: this model has only one token type (type_vocab_size), and takes no pairs")
        }
        let sequences = try lines.map { line in
            let parts =
                arePairs ? line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false) : [line[...]]
            guard !arePairs || parts.count == 2 else {
                throw UsageError("with --pairs a line needs a tab between its two texts: \(line.prefix(60))")
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

/// A JSON string.
func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    guard let data = try? encoder.encode(text) else { return "\"\"" }
    return String(decoding: data, as: UTF8.self)
}
