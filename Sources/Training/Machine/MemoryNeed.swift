import MultiTaskBERT

/// An estimate of the memory that training takes.
struct MemoryNeed {
    private let model: ModelShape
    private let precision: ProductPrecision
    private let worldSize: Int
    /// Examples of a step, and the tokens of the longest.
    private let batchSize, maxLength: Int
    private let shardCount: Int
    /// How often each example lies in a batch.
    private let copies: Int
    /// Tasks whose gradients are kept by themselves.
    private let taskGradientCount: Int

    /// - Parameter worldSize: the ranks of all machines.
    init(
        _ configuration: RunConfiguration, _ model: ModelShape, _ precision: ProductPrecision, worldSize: Int,
        shardCount: Int
    ) {
        (self.model, self.precision, self.worldSize, self.shardCount) = (model, precision, worldSize, shardCount)
        (batchSize, maxLength) = (configuration.batch.size, configuration.batch.maxLength)
        copies = configuration.regularization.adversarial > 0 ? 2 : 1
        taskGradientCount = configuration.needsTaskGradients ? configuration.tasks.count : 0
    }

    /// The most bytes that so many ranks on one machine take, one of them rank 0 with a checkpoint to write.
    func bytes(ranks: Int, threads: Int) -> Int {
        let copy = 4 * model.layout.count
        // Parameters and their copies once, or once a rank where memory cannot be shared: the smaller figure, since that is the
        // usual case.
        let parameters = copy + 4 * EncoderWeights.copySize(model, precision)
        let gradients = ranks * threads * copy
        let moments = 2 * copy * ranks / worldSize
        let taskGradients = taskGradientCount * copy * ranks / worldSize
        let checkpoint = 3 * copy
        return parameters + gradients + moments + taskGradients + checkpoint + ranks
            * (Self.program + threads * activations(threads: threads))
    }

    /// Code, libraries, and the scratch memory of products.
    private static let program = 80_000_000

    /// Tokens of the largest shard that there can be.
    var shardTokens: Int { (batchSize + shardCount - 1) / shardCount * maxLength * copies }

    /// Of one thread, with texts as long as they may be.
    private func activations(threads: Int) -> Int {
        let configuration = model.configuration
        let laneTokens = shardTokens * shardCount / (worldSize * threads)
        let tokens = min(laneTokens, max(Replica.tokenBudget, shardTokens))
        let layer =
            8 * configuration.hiddenSize + 2 * configuration.intermediateSize
            + configuration.attentionHeadCount * maxLength
        return 4 * tokens * configuration.layerCount * layer
    }
}
