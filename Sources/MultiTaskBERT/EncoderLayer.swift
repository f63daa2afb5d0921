import Kernels
import LinearAlgebra

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
        let vectors = parameters.vectors
        func product(_ left: MatrixView, _ weight: MatrixView, into result: MatrixView) {
            work.profile.measure(.products) {
                multiply(left, weight, .transposed, into: result, scratch: work.products)
            }
        }
        product(input, parameters.projections, into: saved.projections)
        work.profile.measure(.attention) {
            for shard in batch.shards {
                attention(shard).forward(
                    saved.projections.rows(shard.tokens), bias: vectors.projectionBias,
                    sequenceOffsets: batch.boundaries(shard), statistics: statistics(shard, batch, saved),
                    into: saved.context.rows(shard.tokens), scratch: work.attention)
            }
        }
        product(saved.context, parameters.attention, into: saved.attentionNormalized)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = shard.tokens
                addAndNormalize(
                    saved.attentionNormalized.rows(rows), bias: vectors.attentionBias, residual: input.rows(rows),
                    dropout: dropout(shard, .attentionOutput), norm(vectors.attentionNorm),
                    inverseDeviation: saved.attentionInverseDeviation.slice(rows), into: saved.attended.rows(rows))
            }
        }
        product(saved.attended, parameters.intermediate, into: saved.intermediate)
        let activated = work.activated(configuration, tokens: batch.tokenCount)
        work.profile.measure(.elementwise) {
            activate(saved.intermediate, bias: vectors.intermediateBias, configuration.activation, into: activated)
        }
        product(activated, parameters.output, into: saved.outputNormalized)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = shard.tokens
                addAndNormalize(
                    saved.outputNormalized.rows(rows), bias: vectors.outputBias, residual: saved.attended.rows(rows),
                    dropout: dropout(shard, .layerOutput), norm(vectors.outputNorm),
                    inverseDeviation: saved.outputInverseDeviation.slice(rows), into: saved.output.rows(rows))
            }
        }
    }

    /// - Parameters:
    ///   - dHidden: [tokens, hiddenSize], the gradient of the layer's output; overwritten by that of its input.
    ///   - saved: as the forward pass left it; used up.
    ///   - gradients: overwritten.
    ///   - shardVectors: for each shard where the gradients of the layer's vectors go.
    func backward(
        _ dHidden: MatrixView, input: MatrixView, _ batch: PackedBatch, _ parameters: ModelTensors.Layer,
        _ saved: LayerActivations, _ work: LayerGradients, shardVectors: [ModelTensors.LayerVectors],
        into gradients: ModelTensors.Layer
    ) {
        let vectors = parameters.vectors
        func weightProduct(_ dOutput: MatrixView, _ source: MatrixView, into gradient: MatrixView) {
            work.profile.measure(.products) {
                multiplyShardwise(
                    transposed: dOutput, source, shardOffsets: batch.shardOffsets, into: gradient,
                    scratch: work.products)
            }
        }
        func inputProduct(_ dOutput: MatrixView, _ weight: MatrixView, into dInput: MatrixView, adds: Bool = false) {
            work.profile.measure(.products) {
                multiply(dOutput, weight, .asIs, into: dInput, adds: adds, scratch: work.products)
            }
        }
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let (rows, own) = (shard.tokens, shardVectors[shard.index])
                addAndNormalizeBackward(
                    dHidden.rows(rows), normalized: saved.outputNormalized.rows(rows),
                    inverseDeviation: saved.outputInverseDeviation.slice(rows), dropout: dropout(shard, .layerOutput),
                    norm(vectors.outputNorm), dSublayer: work.outputProduct.rows(rows), dBias: own.outputBias,
                    own.outputNorm.gradients)
            }
        }
        inputProduct(work.outputProduct, parameters.output, into: work.intermediate)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                activateBackward(
                    work.intermediate.rows(shard.tokens), input: saved.intermediate.rows(shard.tokens),
                    bias: vectors.intermediateBias, configuration.activation,
                    dBias: shardVectors[shard.index].intermediateBias)
            }
        }
        // What was the input of the activation function is its output now.
        weightProduct(work.outputProduct, saved.intermediate, into: gradients.output)
        weightProduct(work.intermediate, saved.attended, into: gradients.intermediate)
        inputProduct(work.intermediate, parameters.intermediate, into: dHidden, adds: true)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let (rows, own) = (shard.tokens, shardVectors[shard.index])
                addAndNormalizeBackward(
                    dHidden.rows(rows), normalized: saved.attentionNormalized.rows(rows),
                    inverseDeviation: saved.attentionInverseDeviation.slice(rows),
                    dropout: dropout(shard, .attentionOutput), norm(vectors.attentionNorm),
                    dSublayer: work.attentionProduct.rows(rows), dBias: own.attentionBias, own.attentionNorm.gradients)
            }
        }
        weightProduct(work.attentionProduct, saved.context, into: gradients.attention)
        inputProduct(work.attentionProduct, parameters.attention, into: work.context)
        work.profile.measure(.attention) {
            for shard in batch.shards {
                let rows = shard.tokens
                attention(shard).backward(
                    work.context.rows(rows), context: saved.context.rows(rows),
                    projections: saved.projections.rows(rows), bias: vectors.projectionBias,
                    sequenceOffsets: batch.boundaries(shard), statistics: statistics(shard, batch, saved),
                    into: work.projections.rows(rows), dBias: shardVectors[shard.index].projectionBias,
                    scratch: work.attention)
            }
        }
        weightProduct(work.projections, input, into: gradients.projections)
        inputProduct(work.projections, parameters.projections, into: dHidden, adds: true)
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

    /// The part of the saved statistics of attention that belongs to a shard's sequences.
    private func statistics(_ shard: PackedBatch.Shard, _ batch: PackedBatch, _ saved: LayerActivations) -> VectorView {
        let heads = configuration.attentionHeadCount
        let start = Attention.statisticsCount(headCount: heads, batch.sequenceOffsets[...shard.sequences.lowerBound])
        let count = Attention.statisticsCount(headCount: heads, batch.boundaries(shard))
        return saved.attentionStatistics.slice(start..<start + count)
    }
}
