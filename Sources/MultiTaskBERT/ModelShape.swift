import LinearAlgebra

/// What the classification heads see of a sequence.
public enum Pooling: String, Sendable, CaseIterable {
    /// BERT's pooler on the first token: tanh(W · state + b) (Devlin et al. 2019, section 3).
    case firstToken = "cls"
    /// The mean over the states of all tokens; the pooler is left alone (Reimers and Gurevych 2019).
    case mean

    /// The rows that the last layer has to compute.
    var lastRows: LayerRows { self == .mean ? .tokens : .firstTokens }
}

/// A model without its numbers: the encoder's configuration, the tasks, and where each parameter lies.
public struct ModelShape: Sendable {
    public let configuration: BERTConfiguration
    public let tasks: [ClassificationTask]
    public let pooling: Pooling
    public let layout: ParameterLayout

    public init(_ configuration: BERTConfiguration, tasks: [ClassificationTask], pooling: Pooling = .firstToken) {
        self.configuration = configuration
        self.pooling = pooling
        self.tasks = tasks
        layout = ParameterLayout(configuration, tasks: tasks)
    }

    func tensors(_ flat: VectorView) -> ModelTensors {
        ModelTensors(flat, layout, layerCount: configuration.layerCount, tasks: tasks)
    }

    /// Fills the parameters as BERT is initialised: matrices normal with `initializerRange`, biases zero, scales one. Each
    /// tensor has its own stream of random numbers, so that adding a task changes no other tensor.
    ///
    /// - Parameters:
    ///   - names: which tensors; all where nil.
    ///   - progress: called before each tensor.
    public func initialize(
        _ parameters: VectorView, seed: UInt64, only names: Set<String>? = nil, progress: () -> Void = {}
    ) {
        for tensor in layout.tensors where names?.contains(tensor.name) ?? true {
            progress()
            let values = parameters.slice(tensor.range)
            if tensor.shape.count == 2 {
                Philox(key: mixedKey(seed, stableHash(tensor.name))).fillNormal(
                    values, stream: 0, deviation: configuration.initializerRange)
            } else {
                values.fill(tensor.name.hasSuffix("LayerNorm.weight") ? 1 : 0)
            }
        }
    }
}

/// FNV-1a of the UTF-8 bytes (Fowler, Noll and Vo 1991): the same on every machine and in every run.
func stableHash(_ text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
