import Kernels

/// What fine-tuning does beyond the plain recipe. None of it is part of the trained model.
public struct FineTuning: Sendable, Equatable {
    /// By task: what its examples are trained towards, where each has one label.
    public var targets: [LabelTargets]
    /// The length ε of a step that each sequence's embeddings are moved by, up its loss; the gradient is then the mean of those
    /// of the sequence as it is and as it is moved (Goodfellow, Shlens and Szegedy 2015, section 5, with α = 1/2). 0 moves nothing.
    public var adversarialNorm: Double
    /// Nothing up to this depth is trained (`ParameterTensor.depth`); −1 trains all.
    public var frozenDepth: Int
    /// The learning rate falls by this factor from each layer to the one below (Howard and Ruder 2018, section 3.2).
    public var layerDecay: Double

    public init(
        targets: [LabelTargets] = [], adversarialNorm: Double = 0, frozenDepth: Int = -1, layerDecay: Double = 1
    ) {
        self.targets = targets
        self.adversarialNorm = adversarialNorm
        self.frozenDepth = frozenDepth
        self.layerDecay = layerDecay
    }

    /// How often each sequence lies in the batch that the gradient is taken of.
    public var copies: Int { adversarialNorm > 0 ? 2 : 1 }

    /// What a tensor's learning rate is multiplied by: 1 in the top layer and above it, 0 where nothing is trained.
    public func rate(of tensor: ParameterTensor, in model: ModelShape) -> Double {
        if tensor.depth <= frozenDepth { return 0 }
        if model.pooling == .mean, tensor.name.hasPrefix("bert.pooler.") { return 0 }
        return (0..<max(0, model.configuration.layerCount - tensor.depth)).reduce(1) { rate, _ in rate * layerDecay }
    }

    func targets(of task: Int) -> LabelTargets { targets.indices ~= task ? targets[task] : LabelTargets() }
}
