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

    /// - Parameter saved: its `input` is read, all else in it is overwritten.
    func forward(
        _ batch: PackedBatch, _ weights: EncoderWeights.Layer, _ vectors: ModelTensors.LayerVectors,
        _ saved: LayerActivations, _ work: LayerGradients
    ) {
        let products = work.products(batch)
        func product(_ left: ProductOperand, _ weight: ProductOperand, into result: MatrixView) {
            work.profile.measure(.products) { products.forward(left, weight, into: result) }
        }
        work.profile.measure(.elementwise) { saved.input.finish(0..<batch.tokenCount) }
        product(saved.input, weights.projections, into: saved.projections)
        work.profile.measure(.attention) {
            for shard in batch.shards {
                attention(shard).forward(
                    saved.projections.rows(shard.tokens), bias: vectors.projectionBias,
                    sequenceOffsets: batch.boundaries(shard), statistics: statistics(shard, batch, saved),
                    into: saved.context.single.rows(shard.tokens), scratch: work.attention)
                saved.context.finish(shard.tokens)
            }
        }
        product(saved.context, weights.attention, into: saved.attentionNormalized)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = shard.tokens
                addAndNormalize(
                    saved.attentionNormalized.rows(rows), bias: vectors.attentionBias,
                    residual: saved.input.single.rows(rows), dropout: dropout(shard, .attentionOutput),
                    norm(vectors.attentionNorm), inverseDeviation: saved.attentionInverseDeviation.slice(rows),
                    into: saved.attended.single.rows(rows))
                saved.attended.finish(rows)
            }
        }
        product(saved.attended, weights.intermediate, into: saved.intermediate)
        let activated = work.activated(configuration, tokens: batch.tokenCount)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = shard.tokens
                activate(
                    saved.intermediate.rows(rows), bias: vectors.intermediateBias, configuration.activation,
                    into: activated.single.rows(rows))
                activated.finish(rows)
            }
        }
        product(activated, weights.output, into: saved.outputNormalized)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = shard.tokens
                addAndNormalize(
                    saved.outputNormalized.rows(rows), bias: vectors.outputBias,
                    residual: saved.attended.single.rows(rows), dropout: dropout(shard, .layerOutput),
                    norm(vectors.outputNorm), inverseDeviation: saved.outputInverseDeviation.slice(rows),
                    into: saved.output.rows(rows))
            }
        }
    }

    /// - Parameters:
    ///   - dHidden: [tokens, hiddenSize], the gradient of the layer's output; overwritten by that of its input.
    ///   - saved: as the forward pass left it; used up.
    ///   - gradients: overwritten.
    ///   - shardVectors: for each shard where the gradients of the layer's vectors go.
    func backward(
        _ dHidden: MatrixView, _ batch: PackedBatch, _ weights: EncoderWeights.Layer,
        _ vectors: ModelTensors.LayerVectors, _ saved: LayerActivations, _ work: LayerGradients,
        shardVectors: [ModelTensors.LayerVectors], into gradients: ModelTensors.Layer
    ) {
        let products = work.products(batch)
        func weightGradient(_ dOutput: ProductOperand, _ source: ProductOperand, into gradient: MatrixView) {
            work.profile.measure(.products) { products.weightGradient(dOutput, source, into: gradient) }
        }
        func inputGradient(
            _ dOutput: ProductOperand, _ weight: ProductOperand, into dInput: MatrixView, adds: Bool = false
        ) {
            work.profile.measure(.products) {
                products.inputGradient(dOutput, weight, into: dInput, adds: adds)
            }
        }
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let (rows, own) = (shard.tokens, shardVectors[shard.index])
                addAndNormalizeBackward(
                    dHidden.rows(rows), normalized: saved.outputNormalized.rows(rows),
                    inverseDeviation: saved.outputInverseDeviation.slice(rows), dropout: dropout(shard, .layerOutput),
                    norm(vectors.outputNorm), dSublayer: work.outputProduct.single.rows(rows),
                    dBias: own.outputBias, own.outputNorm.gradients)
                work.outputProduct.finish(rows)
            }
        }
        inputGradient(work.outputProduct, weights.output, into: work.intermediate.single)
        // What was the input of the activation function becomes its output.
        let activated = work.activated(in: saved.intermediate)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = shard.tokens
                activateBackward(
                    work.intermediate.single.rows(rows), input: saved.intermediate.rows(rows),
                    bias: vectors.intermediateBias, configuration.activation,
                    dBias: shardVectors[shard.index].intermediateBias)
                work.intermediate.finish(rows)
                activated.finish(rows)
            }
        }
        weightGradient(work.outputProduct, activated, into: gradients.output)
        weightGradient(work.intermediate, saved.attended, into: gradients.intermediate)
        inputGradient(work.intermediate, weights.intermediate, into: dHidden, adds: true)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let (rows, own) = (shard.tokens, shardVectors[shard.index])
                addAndNormalizeBackward(
                    dHidden.rows(rows), normalized: saved.attentionNormalized.rows(rows),
                    inverseDeviation: saved.attentionInverseDeviation.slice(rows),
                    dropout: dropout(shard, .attentionOutput), norm(vectors.attentionNorm),
                    dSublayer: work.attentionProduct.single.rows(rows), dBias: own.attentionBias,
                    own.attentionNorm.gradients)
                work.attentionProduct.finish(rows)
            }
        }
        weightGradient(work.attentionProduct, saved.context, into: gradients.attention)
        inputGradient(work.attentionProduct, weights.attention, into: work.context)
        work.profile.measure(.attention) {
            for shard in batch.shards {
                let rows = shard.tokens
                attention(shard).backward(
                    work.context.rows(rows), context: saved.context.single.rows(rows),
                    projections: saved.projections.rows(rows), bias: vectors.projectionBias,
                    sequenceOffsets: batch.boundaries(shard), statistics: statistics(shard, batch, saved),
                    into: work.projections.single.rows(rows), dBias: shardVectors[shard.index].projectionBias,
                    scratch: work.attention)
                work.projections.finish(rows)
            }
        }
        weightGradient(work.projections, saved.input, into: gradients.projections)
        inputGradient(work.projections, weights.projections, into: dHidden, adds: true)
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
