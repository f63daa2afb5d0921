import MultiTaskBERT

extension RunConfiguration {
    /// What the classification heads see of a text.
    public enum PoolingChoice: String, ConfigurationChoice {
        /// BERT's pooler on the first token.
        case cls
        /// The mean over all tokens, without the pooler.
        case mean
    }

    /// The part of the encoder that is left as it is.
    public struct Freeze: Sendable, Equatable, ConfigurationSection {
        public var embeddings = false
        /// The lowest so many layers, and the embeddings with them.
        public var layers = 0

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value("embeddings", \.embeddings, help: "leave the embeddings as they are"),
            .value("layers", \.layers, .atLeast(0), help: "leave the embeddings and so many of the lowest layers"),
        ]
    }

    /// What keeps the model from learning single examples by heart.
    public struct Regularization: Sendable, Equatable, ConfigurationSection {
        /// The part of a label that is spread over all labels (Szegedy et al. 2016).
        public var labelSmoothing = 0.0
        /// How far each text's embeddings are moved up its loss for a second run of it (Miyato et al. 2017); 0 runs each text once.
        public var adversarial = 0.0

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "label_smoothing", \.labelSmoothing, .within(0..<1),
                help: "this part of a label is spread over all labels; of single_label tasks"
            ),
            .value(
                "adversarial", \.adversarial, .atLeast(0),
                help: "train on each text also with its embeddings moved so far up its loss; takes 2.5 times the time"),
        ]
    }
}

/// What the examples of each label count.
public enum ClassWeights: Sendable, Equatable {
    /// In inverse proportion to their number, so that all labels that there are count the same and an example 1 on average.
    case balanced
    /// In the order of the labels.
    case given([Double])

    /// - Parameter counts: examples of each label.
    func values(_ counts: [Int]) -> [Double] {
        guard case .balanced = self else {
            if case .given(let weights) = self { return weights }
            return []
        }
        let (total, present) = (Double(counts.reduce(0, +)), Double(counts.count { $0 > 0 }))
        return counts.map { $0 == 0 ? 1 : total / (present * Double($0)) }
    }
}

extension ClassWeights: ConfigurationValue {
    static var expected: String { "balanced, or a list with a positive number for each label" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> ClassWeights? {
        if node.scalarText == "balanced" { return .balanced }
        guard let weights = [Double].read(node, paths), weights.count >= 2, weights.allSatisfy({ $0 > 0 }) else {
            return nil
        }
        return .given(weights)
    }

    var node: SettingNode? {
        switch self {
        case .balanced: .plain("balanced")
        case .given(let weights): weights.node
        }
    }
}
