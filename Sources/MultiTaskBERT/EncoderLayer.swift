import Kernels
import LinearAlgebra

/// What a layer's forward pass leaves for its backward pass; the memory is reused from step to step.
final class LayerActivations {
    private let buffers = (0..<10).map { _ in GrowingBuffer() }
    /// Query, key and value, biases added [tokens, 3 · hiddenSize].
    private(set) var projections = MatrixView.empty
    /// The softmax of every sequence and attention head, one after the other.
    private(set) var probabilities = VectorView.empty
    private(set) var context = MatrixView.empty
    private(set) var attentionNormalized = MatrixView.empty
    private(set) var attentionInverseDeviation = VectorView.empty
    /// The output of the attention block [tokens, hiddenSize].
    private(set) var attended = MatrixView.empty
    /// The feed-forward block before its activation function, bias added [tokens, intermediateSize].
    private(set) var intermediate = MatrixView.empty
    private(set) var activated = MatrixView.empty
    private(set) var outputNormalized = MatrixView.empty
    private(set) var outputInverseDeviation = VectorView.empty
    /// The layer's output [tokens, hiddenSize].
    private(set) var output = MatrixView.empty
    private let outputBuffer = GrowingBuffer()

    func reserve(_ configuration: BERTConfiguration, _ batch: PackedBatch) {
        let (tokens, hidden) = (batch.tokenCount, configuration.hiddenSize)
        projections = buffers[0].matrix(rows: tokens, columns: 3 * hidden)
        probabilities = buffers[1].vector(
            Attention.probabilityCount(headCount: configuration.attentionHeadCount, batch.sequenceOffsets[...]))
        context = buffers[2].matrix(rows: tokens, columns: hidden)
        attentionNormalized = buffers[3].matrix(rows: tokens, columns: hidden)
        attentionInverseDeviation = buffers[4].vector(tokens)
        attended = buffers[5].matrix(rows: tokens, columns: hidden)
        intermediate = buffers[6].matrix(rows: tokens, columns: configuration.intermediateSize)
        activated = buffers[7].matrix(rows: tokens, columns: configuration.intermediateSize)
        outputNormalized = buffers[8].matrix(rows: tokens, columns: hidden)
        outputInverseDeviation = buffers[9].vector(tokens)
        output = outputBuffer.matrix(rows: tokens, columns: hidden)
    }
}

/// Memory for the gradients inside a layer, shared by all layers.
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
    let attention = (GrowingBuffer(), GrowingBuffer())

    func reserve(_ configuration: BERTConfiguration, tokens: Int) {
        let hidden = configuration.hiddenSize
        outputProduct = buffers[0].matrix(rows: tokens, columns: hidden)
        intermediate = buffers[1].matrix(rows: tokens, columns: configuration.intermediateSize)
        attentionProduct = buffers[2].matrix(rows: tokens, columns: hidden)
        context = buffers[3].matrix(rows: tokens, columns: hidden)
        projections = buffers[4].matrix(rows: tokens, columns: 3 * hidden)
    }
}

/// One layer of the encoder (Devlin et al. 2019, after Vaswani et al. 2017, section 3): attention and feed-forward, each
/// followed by dropout, the residual sum and layer normalisation.
///
/// Every operation runs shard by shard on the shard's own rows, so that its bits do not depend on which shards share a batch.
struct EncoderLayer {
    let configuration: BERTConfiguration
    let index: Int
    /// The key of the step's dropout; nil where nothing is dropped.
    let dropoutKey: UInt64?

    func forward(_ input: MatrixView, _ batch: PackedBatch, _ parameters: ModelTensors.Layer, _ saved: LayerActivations,
        _ work: LayerGradients
    ) {
        let vectors = parameters.vectors
        for shard in batch.shards {
            let rows = shard.tokens
            let projections = saved.projections.rows(rows)
            multiply(input.rows(rows), .asIs, parameters.projections, .transposed, into: projections)
            addBias(vectors.projectionBias, to: projections)
            attention(shard).forward(
                projections, sequenceOffsets: batch.boundaries(shard), probabilities: probabilities(shard, batch, saved),
                into: saved.context.rows(rows), scratch: work.attention.0)
            let attentionSum = saved.attentionNormalized.rows(rows)
            multiply(saved.context.rows(rows), .asIs, parameters.attention, .transposed, into: attentionSum)
            addAndNormalize(
                attentionSum, bias: vectors.attentionBias, residual: input.rows(rows),
                dropout: dropout(shard, .attentionOutput), norm(vectors.attentionNorm),
                inverseDeviation: saved.attentionInverseDeviation.slice(rows), into: saved.attended.rows(rows))
            let intermediate = saved.intermediate.rows(rows)
            multiply(saved.attended.rows(rows), .asIs, parameters.intermediate, .transposed, into: intermediate)
            activate(
                intermediate, bias: vectors.intermediateBias, configuration.activation, into: saved.activated.rows(rows))
            let outputSum = saved.outputNormalized.rows(rows)
            multiply(saved.activated.rows(rows), .asIs, parameters.output, .transposed, into: outputSum)
            addAndNormalize(
                outputSum, bias: vectors.outputBias, residual: saved.attended.rows(rows),
                dropout: dropout(shard, .layerOutput), norm(vectors.outputNorm),
                inverseDeviation: saved.outputInverseDeviation.slice(rows), into: saved.output.rows(rows))
        }
    }

    /// - Parameters:
    ///   - dHidden: [tokens, hiddenSize], the gradient of the layer's output; overwritten by that of its input.
    ///   - gradients: overwritten.
    ///   - shardVectors: [shards, the layer's vectors], each row with the views into it.
    func backward(
        _ dHidden: MatrixView, input: MatrixView, _ batch: PackedBatch, _ parameters: ModelTensors.Layer,
        _ saved: LayerActivations, _ work: LayerGradients, shardVectors: [ModelTensors.LayerVectors],
        into gradients: ModelTensors.Layer
    ) {
        let vectors = parameters.vectors
        for shard in batch.shards {
            let (rows, own) = (shard.tokens, shardVectors[shard.index])
            let (d, dOutput) = (dHidden.rows(rows), work.outputProduct.rows(rows))
            addAndNormalizeBackward(
                d, normalized: saved.outputNormalized.rows(rows),
                inverseDeviation: saved.outputInverseDeviation.slice(rows), dropout: dropout(shard, .layerOutput),
                norm(vectors.outputNorm), dSublayer: dOutput, dBias: own.outputBias, own.outputNorm.gradients)
            let dIntermediate = work.intermediate.rows(rows)
            multiply(dOutput, parameters.output, into: dIntermediate)
            activateBackward(
                dIntermediate, input: saved.intermediate.rows(rows), configuration.activation,
                dBias: own.intermediateBias)
            multiply(dIntermediate, .asIs, parameters.intermediate, .asIs, into: d, keep: 1)
            let dAttention = work.attentionProduct.rows(rows)
            addAndNormalizeBackward(
                d, normalized: saved.attentionNormalized.rows(rows),
                inverseDeviation: saved.attentionInverseDeviation.slice(rows), dropout: dropout(shard, .attentionOutput),
                norm(vectors.attentionNorm), dSublayer: dAttention, dBias: own.attentionBias,
                own.attentionNorm.gradients)
            multiply(dAttention, parameters.attention, into: work.context.rows(rows))
            let dProjections = work.projections.rows(rows)
            attention(shard).backward(
                work.context.rows(rows), projections: saved.projections.rows(rows),
                sequenceOffsets: batch.boundaries(shard), probabilities: probabilities(shard, batch, saved),
                into: dProjections, scratch: work.attention.0, gradientScratch: work.attention.1)
            sumRows(dProjections, into: own.projectionBias)
            multiply(dProjections, .asIs, parameters.projections, .asIs, into: d, keep: 1)
        }
        for (dOutput, source, gradient) in [
            (work.outputProduct, saved.activated, gradients.output),
            (work.intermediate, saved.attended, gradients.intermediate),
            (work.attentionProduct, saved.context, gradients.attention),
            (work.projections, input, gradients.projections),
        ] {
            weightGradient(
                dOutput: dOutput, input: source, shardOffsets: batch.shardOffsets, into: gradient, scratch: work.tree)
        }
    }

    private func norm(_ tensors: ModelTensors.LayerNorm) -> LayerNormParameters {
        tensors.parameters(epsilon: configuration.layerNormEpsilon)
    }

    private func dropout(_ shard: PackedBatch.Shard, _ site: DropoutSite.Site) -> DropoutSite {
        guard let dropoutKey else { return .none }
        let probability =
            site == .attentionProbability ? configuration.attentionDropout : configuration.hiddenDropout
        return DropoutSite(key: dropoutKey, shard: shard.number, layer: index, site: site, probability: probability)
    }

    private func attention(_ shard: PackedBatch.Shard) -> Attention {
        Attention(
            headCount: configuration.attentionHeadCount, headSize: configuration.attentionHeadSize,
            dropout: dropout(shard, .attentionProbability))
    }

    /// The part of the saved probabilities that belongs to a shard's sequences.
    private func probabilities(_ shard: PackedBatch.Shard, _ batch: PackedBatch, _ saved: LayerActivations) -> VectorView {
        let heads = configuration.attentionHeadCount
        let start = Attention.probabilityCount(headCount: heads, batch.sequenceOffsets[...shard.sequences.lowerBound])
        let count = Attention.probabilityCount(headCount: heads, batch.boundaries(shard))
        return saved.probabilities.slice(start..<start + count)
    }
}

extension MatrixView {
    /// A matrix without elements, for what has not been computed yet.
    static var empty: MatrixView { MatrixView(UnsafeMutablePointer(bitPattern: 64)!, rows: 0, columns: 0) }
}

extension VectorView {
    static var empty: VectorView { VectorView(UnsafeMutablePointer(bitPattern: 64)!, count: 0) }
}
