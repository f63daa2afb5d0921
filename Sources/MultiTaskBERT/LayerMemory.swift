import Kernels
import LinearAlgebra

/// What a layer's forward pass leaves for its backward pass; the memory is reused from step to step.
final class LayerActivations {
    private let buffers = (0..<10).map { _ in GrowingBuffer() }
    /// Query, key and value before their biases [tokens, 3 · hiddenSize].
    private(set) var projections = MatrixView.empty
    /// What attention's backward pass needs of the softmax of every sequence and attention head, one after the other.
    private(set) var attentionStatistics = VectorView.empty
    private(set) var context = MatrixView.empty
    private(set) var attentionNormalized = MatrixView.empty
    private(set) var attentionInverseDeviation = VectorView.empty
    /// The output of the attention block [tokens, hiddenSize].
    private(set) var attended = MatrixView.empty
    /// The feed-forward block before its bias and activation function [tokens, intermediateSize].
    private(set) var intermediate = MatrixView.empty
    private(set) var outputNormalized = MatrixView.empty
    private(set) var outputInverseDeviation = VectorView.empty
    /// The layer's output [tokens, hiddenSize].
    private(set) var output = MatrixView.empty

    /// - Parameter idle: memory that nothing else uses as long as the activations are needed; filled first.
    func reserve(_ configuration: BERTConfiguration, _ batch: PackedBatch, idle: [VectorView] = []) {
        let (tokens, hidden) = (batch.tokenCount, configuration.hiddenSize)
        var idle = idle
        func vector(_ buffer: GrowingBuffer, _ count: Int) -> VectorView {
            let wholeLines = (count + laneCount - 1) / laneCount * laneCount
            guard let place = idle.firstIndex(where: { $0.count >= wholeLines }) else { return buffer.vector(count) }
            let memory = idle[place]
            idle[place] = memory.slice(wholeLines..<memory.count)
            return memory.slice(0..<count)
        }
        func matrix(_ buffer: GrowingBuffer, columns: Int) -> MatrixView {
            vector(buffer, tokens * columns).matrix(rows: tokens, columns: columns)
        }
        projections = matrix(buffers[0], columns: 3 * hidden)
        attentionStatistics = vector(
            buffers[1],
            Attention.statisticsCount(headCount: configuration.attentionHeadCount, batch.sequenceOffsets[...]))
        context = matrix(buffers[2], columns: hidden)
        attentionNormalized = matrix(buffers[3], columns: hidden)
        attentionInverseDeviation = vector(buffers[4], tokens)
        attended = matrix(buffers[5], columns: hidden)
        intermediate = matrix(buffers[6], columns: configuration.intermediateSize)
        outputNormalized = matrix(buffers[7], columns: hidden)
        outputInverseDeviation = vector(buffers[8], tokens)
        output = matrix(buffers[9], columns: hidden)
    }
}

/// Memory for the gradients inside a layer, shared by all layers, and the time that they take.
final class LayerGradients {
    private let buffers = (0..<5).map { _ in GrowingBuffer() }
    private(set) var outputProduct = MatrixView.empty
    private(set) var intermediate = MatrixView.empty
    private(set) var attentionProduct = MatrixView.empty
    private(set) var context = MatrixView.empty
    private(set) var projections = MatrixView.empty
    /// The vectors of each shard, to be added up over the shards.
    let vectors = GrowingBuffer()
    let tree = GrowingBuffer()
    let products = ProductScratch()
    let attention = GrowingBuffer()
    /// Where the time goes.
    var profile = PassProfile()

    /// What the activation function of a feed-forward block gives in the forward pass [tokens, intermediateSize], in the
    /// memory of its gradient.
    func activated(_ configuration: BERTConfiguration, tokens: Int) -> MatrixView {
        buffers[1].matrix(rows: tokens, columns: configuration.intermediateSize)
    }

    func reserve(_ configuration: BERTConfiguration, tokens: Int) {
        let hidden = configuration.hiddenSize
        outputProduct = buffers[0].matrix(rows: tokens, columns: hidden)
        intermediate = buffers[1].matrix(rows: tokens, columns: configuration.intermediateSize)
        attentionProduct = buffers[2].matrix(rows: tokens, columns: hidden)
        context = buffers[3].matrix(rows: tokens, columns: hidden)
        projections = buffers[4].matrix(rows: tokens, columns: 3 * hidden)
    }
}

extension MatrixView {
    /// A matrix without elements, for what has not been computed yet.
    static var empty: MatrixView { MatrixView(UnsafeMutablePointer(bitPattern: 64)!, rows: 0, columns: 0) }
}

extension VectorView {
    static var empty: VectorView { VectorView(UnsafeMutablePointer(bitPattern: 64)!, count: 0) }
}
