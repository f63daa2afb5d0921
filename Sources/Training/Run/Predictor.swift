import Foundation
import Kernels
import MultiTaskBERT
import Tokenization

/// Labels texts with one classification head of a checkpoint.
public struct Predictor {
    /// A text's label and every label's probability.
    public struct Answer: Sendable, Equatable {
        public let label: String
        /// In the order of the head's outputs.
        public let scores: [(label: String, probability: Double)]

        /// `{"label":…,"scores":{…}}`.
        public var json: String {
            let list = scores.map { "\(quoted($0.label)):\($0.probability)" }.joined(separator: ",")
            return "{\"label\":\(quoted(label)),\"scores\":{\(list)}}"
        }

        public static func == (left: Answer, right: Answer) -> Bool { left.json == right.json }
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
        let names = saved.model.tasks[task].labels
        // Each text is a shard of its own, so that an answer does not depend on the texts around it.
        let batch = PackedBatch(shards: sequences.enumerated().map { ($0.offset, [$0.element]) })
        return pass.logits(batch).map { logits in
            let probabilities = softmax(logits.map(Double.init))
            return Answer(label: names[indexOfLargest(logits)], scores: Array(zip(names, probabilities)))
        }
    }
}

/// Prints token ids as other programs compare them.
public struct TokenPrinter {
    private let tokenizer: WordPieceTokenizer
    private let maxLength: Int

    public init(modelFolder: String, maxLength: Int) throws {
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
