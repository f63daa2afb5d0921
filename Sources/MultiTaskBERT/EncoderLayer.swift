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
/// Every operation gives each shard's rows the bits that they have when the shard is alone in its batch.
struct EncoderLayer {
    let configuration: BERTConfiguration
    let index: Int
    /// The key of the step's dropout; nil where nothing is dropped.
    let dropoutKey: UInt64?

    func forward(
        _ input: MatrixView, _ batch: PackedBatch, _ parameters: ModelTensors.Layer, _ saved: LayerActivations,
        _ work: LayerGradients
    ) {
        let (vectors, offsets) = (parameters.vectors, batch.shardOffsets)
        multiplyShards(input, shardOffsets: offsets, parameters.projections, .transposed, into: saved.projections)
        for shard in batch.shards {
            let projections = saved.projections.rows(shard.tokens)
            addBias(vectors.projectionBias, to: projections)
            attention(shard).forward(
                projections, sequenceOffsets: batch.boundaries(shard), probabilities: probabilities(shard, batch, saved),
                into: saved.context.rows(shard.tokens), scratch: work.attention.0)
        }
        multiplyShards(
            saved.context, shardOffsets: offsets, parameters.attention, .transposed, into: saved.attentionNormalized)
        for shard in batch.shards {
            let rows = shard.tokens
            addAndNormalize(
                saved.attentionNormalized.rows(rows), bias: vectors.attentionBias, residual: input.rows(rows),
                dropout: dropout(shard, .attentionOutput), norm(vectors.attentionNorm),
                inverseDeviation: saved.attentionInverseDeviation.slice(rows), into: saved.attended.rows(rows))
        }
        multiplyShards(
            saved.attended, shardOffsets: offsets, parameters.intermediate, .transposed, into: saved.intermediate)
        activate(
            saved.intermediate, bias: vectors.intermediateBias, configuration.activation, into: saved.activated)
        multiplyShards(
            saved.activated, shardOffsets: offsets, parameters.output, .transposed, into: saved.outputNormalized)
        for shard in batch.shards {
            let rows = shard.tokens
            addAndNormalize(
                saved.outputNormalized.rows(rows), bias: vectors.outputBias, residual: saved.attended.rows(rows),
                dropout: dropout(shard, .layerOutput), norm(vectors.outputNorm),
                inverseDeviation: saved.outputInverseDeviation.slice(rows), into: saved.output.rows(rows))
        }
    }

    /// - Parameters:
    ///   - dHidden: [tokens, hiddenSize], the gradient of the layer's output; overwritten by that of its input.
    ///   - gradients: overwritten.
    ///   - shardVectors: for each shard where the gradients of the layer's vectors go.
    func backward(
        _ dHidden: MatrixView, input: MatrixView, _ batch: PackedBatch, _ parameters: ModelTensors.Layer,
        _ saved: LayerActivations, _ work: LayerGradients, shardVectors: [ModelTensors.LayerVectors],
        into gradients: ModelTensors.Layer
    ) {
        let (vectors, offsets) = (parameters.vectors, batch.shardOffsets)
        func weightGradient(_ dOutput: MatrixView, _ source: MatrixView, into gradient: MatrixView) {
            Kernels.weightGradient(
                dOutput: dOutput, input: source, shardOffsets: offsets, into: gradient, scratch: work.tree)
        }
        for shard in batch.shards {
            let (rows, own) = (shard.tokens, shardVectors[shard.index])
            addAndNormalizeBackward(
                dHidden.rows(rows), normalized: saved.outputNormalized.rows(rows),
                inverseDeviation: saved.outputInverseDeviation.slice(rows), dropout: dropout(shard, .layerOutput),
                norm(vectors.outputNorm), dSublayer: work.outputProduct.rows(rows), dBias: own.outputBias,
                own.outputNorm.gradients)
        }
        weightGradient(work.outputProduct, saved.activated, into: gradients.output)
        multiplyShards(work.outputProduct, shardOffsets: offsets, parameters.output, .asIs, into: work.intermediate)
        for shard in batch.shards {
            activateBackward(
                work.intermediate.rows(shard.tokens), input: saved.intermediate.rows(shard.tokens),
                configuration.activation, dBias: shardVectors[shard.index].intermediateBias)
        }
        weightGradient(work.intermediate, saved.attended, into: gradients.intermediate)
        multiplyShards(work.intermediate, shardOffsets: offsets, parameters.intermediate, .asIs, into: dHidden, keep: 1)
        for shard in batch.shards {
            let (rows, own) = (shard.tokens, shardVectors[shard.index])
            addAndNormalizeBackward(
                dHidden.rows(rows), normalized: saved.attentionNormalized.rows(rows),
                inverseDeviation: saved.attentionInverseDeviation.slice(rows), dropout: dropout(shard, .attentionOutput),
                norm(vectors.attentionNorm), dSublayer: work.attentionProduct.rows(rows), dBias: own.attentionBias,
                own.attentionNorm.gradients)
        }
        weightGradient(work.attentionProduct, saved.context, into: gradients.attention)
        multiplyShards(work.attentionProduct, shardOffsets: offsets, parameters.attention, .asIs, into: work.context)
        for shard in batch.shards {
            let rows = shard.tokens
            attention(shard).backward(
                work.context.rows(rows), projections: saved.projections.rows(rows),
                sequenceOffsets: batch.boundaries(shard), probabilities: probabilities(shard, batch, saved),
                into: work.projections.rows(rows), scratch: work.attention.0, gradientScratch: work.attention.1)
            sumRows(work.projections.rows(rows), into: shardVectors[shard.index].projectionBias)
        }
        weightGradient(work.projections, input, into: gradients.projections)
        multiplyShards(work.projections, shardOffsets: offsets, parameters.projections, .asIs, into: dHidden, keep: 1)
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
