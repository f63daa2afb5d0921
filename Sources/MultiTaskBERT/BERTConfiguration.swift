import Checkpoints
import Foundation
import Kernels

/// A model folder that cannot be used; the text names the file and what would be right.
public struct ModelError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The numbers that define a BERT encoder, as Hugging Face's `config.json` names them.
public struct BERTConfiguration: Sendable, Equatable {
    public var vocabularySize = 30522
    public var hiddenSize = 768
    public var layerCount = 12
    public var attentionHeadCount = 12
    public var intermediateSize = 3072
    public var maximumLength = 512
    public var tokenTypeCount = 2
    public var activation = Activation.gelu
    public var layerNormEpsilon: Float = 1e-12
    /// The deviation that new weights are drawn with.
    public var initializerRange = 0.02
    public var hiddenDropout: Float = 0.1
    public var attentionDropout: Float = 0.1
    /// Of the pooled output, before the classification heads.
    public var classifierDropout: Float = 0.1
    public var paddingID = 0

    public init() {}

    /// bert-base-uncased.
    public static let base = BERTConfiguration()

    /// Six layers of 384, as in the MiniLM family.
    public static let miniLM: BERTConfiguration = {
        var configuration = BERTConfiguration()
        (configuration.hiddenSize, configuration.layerCount, configuration.intermediateSize) = (384, 6, 1536)
        return configuration
    }()

    /// Two layers of 128, as in BERT-tiny (Turc et al. 2019).
    public static let tiny: BERTConfiguration = {
        var configuration = BERTConfiguration()
        (configuration.hiddenSize, configuration.layerCount, configuration.intermediateSize) = (128, 2, 512)
        configuration.attentionHeadCount = 2
        return configuration
    }()

    public var attentionHeadSize: Int { hiddenSize / attentionHeadCount }

    /// Reads a `config.json`; every key that defines a BERT is honoured, or refused by its name.
    public init(file path: String) throws {
        guard let bytes = try? wholeFile(path) else {
            throw ModelError("\(path): there is no such file, or it cannot be read; a model folder has a config.json")
        }
        try self.init(json: Data(bytes), source: path)
    }

    /// - Parameter source: what errors call the text.
    public init(json: Data, source: String) throws {
        guard let keys = try? JSONDecoder().decode([String: JSONValue].self, from: json) else {
            throw ModelError("\(source): this is not a JSON object")
        }
        let reader = KeyReader(keys: keys, source: source)
        try reader.refuseUnlessBERT()
        vocabularySize = try reader.size("vocab_size", vocabularySize)
        hiddenSize = try reader.size("hidden_size", hiddenSize)
        layerCount = try reader.size("num_hidden_layers", layerCount, atMost: 1000)
        attentionHeadCount = try reader.size("num_attention_heads", attentionHeadCount)
        intermediateSize = try reader.size("intermediate_size", intermediateSize)
        // [CLS], a token and [SEP].
        maximumLength = try reader.size("max_position_embeddings", maximumLength, atLeast: 3)
        tokenTypeCount = try reader.size("type_vocab_size", tokenTypeCount)
        activation = try reader.activation("hidden_act", activation)
        layerNormEpsilon = Float(try reader.number("layer_norm_eps", Double(layerNormEpsilon), in: 0...1))
        initializerRange = try reader.number("initializer_range", initializerRange, in: 0...10)
        hiddenDropout = try reader.probability("hidden_dropout_prob", hiddenDropout)
        attentionDropout = try reader.probability("attention_probs_dropout_prob", attentionDropout)
        classifierDropout = try reader.probability("classifier_dropout", hiddenDropout)
        paddingID = Int(try reader.number("pad_token_id", Double(paddingID), in: 0...Double(vocabularySize - 1)))
        guard hiddenSize % attentionHeadCount == 0 else {
            throw ModelError(
                "\(source): hidden_size \(hiddenSize) is no multiple of num_attention_heads \(attentionHeadCount)")
        }
    }

    /// The keys that `init(json:)` reads, for a `config.json` of our own.
    public var json: [String: JSONValue] {
        func decimal(_ value: Float) -> JSONValue { .number(Double("\(value)") ?? Double(value)) }
        func size(_ value: Int) -> JSONValue { .number(Double(value)) }
        return [
            "model_type": .string("bert"), "architectures": .array([.string("BertModel")]),
            "vocab_size": size(vocabularySize), "hidden_size": size(hiddenSize), "num_hidden_layers": size(layerCount),
            "num_attention_heads": size(attentionHeadCount), "intermediate_size": size(intermediateSize),
            "max_position_embeddings": size(maximumLength), "type_vocab_size": size(tokenTypeCount),
            "hidden_act": .string(activation.rawValue), "layer_norm_eps": decimal(layerNormEpsilon),
            "initializer_range": .number(initializerRange), "hidden_dropout_prob": decimal(hiddenDropout),
            "attention_probs_dropout_prob": decimal(attentionDropout),
            "classifier_dropout": decimal(classifierDropout), "position_embedding_type": .string("absolute"),
            "pad_token_id": size(paddingID), "dtype": .string("float32"),
        ]
    }
}

/// Reads typed values by key and says what is wrong with a wrong one.
private struct KeyReader {
    let keys: [String: JSONValue]
    let source: String

    func refuseUnlessBERT() throws {
        let demands: [(key: String, allowed: String, meaning: String)] = [
            ("model_type", "bert", "the model type"),
            ("position_embedding_type", "absolute", "the kind of position embedding"),
        ]
        for (key, allowed, meaning) in demands {
            guard let value = present(key) else { continue }
            if value != .string(allowed) {
                throw ModelError("\(source): \(key) is \(value.text): \(meaning) must be \"\(allowed)\"")
            }
        }
        for key in ["is_decoder", "add_cross_attention", "is_encoder_decoder"] where keys[key] == .bool(true) {
            throw ModelError("\(source): \(key) is true: only encoders can be fine-tuned here")
        }
        if case .object(let pruned)? = keys["pruned_heads"], !pruned.isEmpty {
            throw ModelError(
                "\(source): pruned_heads is not empty: models with pruned attention heads are not supported")
        }
        if let size = present("embedding_size"), size != keys["hidden_size"] {
            throw ModelError(
                "\(source): embedding_size \(size.text) differs from hidden_size: this is not a plain BERT")
        }
    }

    func number(_ key: String, _ fallback: Double, in range: ClosedRange<Double>) throws -> Double {
        guard let value = present(key) else { return fallback }
        guard case .number(let number) = value, range.contains(number) else {
            throw ModelError(
                "\(source): \(key) is \(value.text): it must be a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    func size(_ key: String, _ fallback: Int, atLeast least: Int = 1, atMost limit: Int = 10_000_000) throws -> Int {
        let value = try number(key, Double(fallback), in: Double(least)...Double(limit))
        guard let whole = Int(exactly: value) else {
            throw ModelError("\(source): \(key) is \(value): it must be a whole number")
        }
        return whole
    }

    func probability(_ key: String, _ fallback: Float) throws -> Float {
        Float(try number(key, Double(fallback), in: 0...0.999))
    }

    func activation(_ key: String, _ fallback: Activation) throws -> Activation {
        guard let value = present(key) else { return fallback }
        // Hugging Face knows the tanh form under three names.
        let names = ["gelu_pytorch_tanh": "gelu_new", "gelu_fast": "gelu_new"]
        guard case .string(let text) = value, let activation = Activation(rawValue: names[text] ?? text) else {
            let known = Activation.allCases.map(\.rawValue).joined(separator: ", ")
            throw ModelError("\(source): \(key) is \(value.text): it must be one of \(known)")
        }
        return activation
    }

    private func present(_ key: String) -> JSONValue? {
        if let value = keys[key], value != .null { value } else { nil }
    }
}
