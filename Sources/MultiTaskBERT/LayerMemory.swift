import Kernels
import LinearAlgebra

/// What a layer's forward pass leaves for its backward pass; the memory is reused from step to step.
///
/// Where products take bfloat16, the backward pass wants the inputs of most products in that alone; their single-precision form
/// is then shared by all layers.
final class LayerActivations {
    private let precision: ProductPrecision
    private let buffers = (0..<10).map { _ in GrowingBuffer() }
    private let halfBuffers = (0..<3).map { _ in GrowingBuffer() }
    /// The layer's input as its first product takes it [tokens, hiddenSize].
    private(set) var input = ProductOperand.empty
    /// Query, key and value before their biases [tokens, 3 · hiddenSize].
    private(set) var projections = MatrixView.empty
    /// What attention's backward pass needs of the softmax of every sequence and attention head, one after the other.
    private(set) var attentionStatistics = VectorView.empty
    private(set) var context = ProductOperand.empty
    private(set) var attentionNormalized = MatrixView.empty
    private(set) var attentionInverseDeviation = VectorView.empty
    /// The output of the attention block [tokens, hiddenSize].
    private(set) var attended = ProductOperand.empty
    /// The feed-forward block before its bias and activation function [tokens, intermediateSize].
    private(set) var intermediate = MatrixView.empty
    private(set) var outputNormalized = MatrixView.empty
    private(set) var outputInverseDeviation = VectorView.empty
    /// The layer's output [tokens, hiddenSize].
    private(set) var output = MatrixView.empty

    init(_ precision: ProductPrecision) { self.precision = precision }

    /// - Parameters:
    ///   - states: [tokens, hiddenSize], the layer's input.
    ///   - shared: memory for single-precision forms that no backward pass reads.
    ///   - idle: memory that nothing else uses as long as the activations are needed; filled first.
    func reserve(
        _ configuration: BERTConfiguration, _ batch: PackedBatch, input states: MatrixView, shared: SharedActivations,
        idle: [VectorView] = []
    ) {
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
        func half(_ index: Int, columns: Int) -> BFloat16View? {
            guard precision == .bfloat16 else { return nil }
            let memory = vector(halfBuffers[index], VectorView.elements(ofBFloat16: tokens * columns))
            return memory.bfloat16Matrix(rows: tokens, columns: columns)
        }
        /// An input of a product, of which the backward pass reads one form only.
        func operand(_ own: GrowingBuffer, _ common: GrowingBuffer, columns: Int, half index: Int) -> ProductOperand {
            guard let half = half(index, columns: columns) else {
                return ProductOperand(single: matrix(own, columns: columns), half: nil)
            }
            return ProductOperand(single: common.matrix(rows: tokens, columns: columns), half: half)
        }
        projections = matrix(buffers[0], columns: 3 * hidden)
        attentionStatistics = vector(
            buffers[1],
            Attention.statisticsCount(headCount: configuration.attentionHeadCount, batch.sequenceOffsets[...]))
        input = ProductOperand(single: states, half: half(0, columns: hidden))
        context = ProductOperand(single: matrix(buffers[2], columns: hidden), half: half(1, columns: hidden))
        attentionNormalized = matrix(buffers[3], columns: hidden)
        attentionInverseDeviation = vector(buffers[4], tokens)
        attended = operand(buffers[5], shared.attended, columns: hidden, half: 2)
        intermediate = matrix(buffers[6], columns: configuration.intermediateSize)
        outputNormalized = matrix(buffers[7], columns: hidden)
        outputInverseDeviation = vector(buffers[8], tokens)
        output = matrix(buffers[9], columns: hidden)
    }
}

/// Memory that the layers use one after the other in the forward pass.
final class SharedActivations {
    let attended = GrowingBuffer()
}

/// Memory for the gradients inside a layer, shared by all layers, and the time that they take.
final class LayerGradients {
    private let buffers = (0..<5).map { _ in GrowingBuffer() }
    private let halfBuffers = (0..<5).map { _ in GrowingBuffer() }
    private(set) var outputProduct = ProductOperand.empty
    private(set) var intermediate = ProductOperand.empty
    private(set) var attentionProduct = ProductOperand.empty
    private(set) var context = MatrixView.empty
    private(set) var projections = ProductOperand.empty
    /// The vectors of each shard, to be added up over the shards.
    let vectors = GrowingBuffer()
    let tree = GrowingBuffer()
    private let productScratch = ProductScratch()
    let attention = GrowingBuffer()
    /// Where the time goes.
    var profile = PassProfile()

    private let precision: ProductPrecision

    init(_ precision: ProductPrecision) { self.precision = precision }

    func products(_ batch: PackedBatch) -> LinearProducts {
        LinearProducts(shardOffsets: batch.shardOffsets, scratch: productScratch, tree: tree)
    }

    /// What the activation function of a feed-forward block gives in the forward pass [tokens, intermediateSize], in the
    /// memory of its gradient.
    func activated(_ configuration: BERTConfiguration, tokens: Int) -> ProductOperand {
        activated(in: buffers[1].matrix(rows: tokens, columns: configuration.intermediateSize))
    }

    /// The same in the memory of `single`.
    func activated(in single: MatrixView) -> ProductOperand { operand(single, halfBuffers[4]) }

    private func operand(_ single: MatrixView, _ buffer: GrowingBuffer) -> ProductOperand {
        let half =
            precision == .bfloat16 ? buffer.bfloat16Matrix(rows: single.rows, columns: single.columns) : nil
        return ProductOperand(single: single, half: half)
    }

    func reserve(_ configuration: BERTConfiguration, tokens: Int) {
        let hidden = configuration.hiddenSize
        func operand(_ index: Int, columns: Int) -> ProductOperand {
            self.operand(buffers[index].matrix(rows: tokens, columns: columns), halfBuffers[index])
        }
        outputProduct = operand(0, columns: hidden)
        intermediate = operand(1, columns: configuration.intermediateSize)
        attentionProduct = operand(2, columns: hidden)
        projections = operand(3, columns: 3 * hidden)
        context = buffers[4].matrix(rows: tokens, columns: hidden)
    }
}

extension MatrixView {
    /// A matrix without elements, for what has not been computed yet.
    static var empty: MatrixView { MatrixView(UnsafeMutablePointer(bitPattern: 64)!, rows: 0, columns: 0) }
}

extension VectorView {
    static var empty: VectorView { VectorView(UnsafeMutablePointer(bitPattern: 64)!, count: 0) }
}
