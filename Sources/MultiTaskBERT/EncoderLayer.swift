import Kernels
import LinearAlgebra

/// One layer of the encoder (Devlin et al. 2019, after Vaswani et al. 2017, section 3): attention and feed-forward, each
/// followed by dropout, the residual sum and layer normalisation.
///
/// Every operation gives each shard's rows the bits that they have when the shard is alone in its batch.
struct EncoderLayer {
    let configuration: BERTConfiguration
    let index: Int
    /// For which rows the output is wanted.
    let rows: LayerRows
    /// The key of the step's dropout; nil where nothing is dropped.
    let dropoutKey: UInt64?

    /// - Parameter saved: its `input` is read, all else in it is overwritten.
    func forward(
        _ batch: PackedBatch, _ weights: EncoderWeights.Layer, _ vectors: ModelTensors.LayerVectors,
        _ saved: LayerActivations, _ work: LayerWorkspace
    ) {
        func product(_ left: OperandView, _ weight: ProductOperand, _ rows: LayerRows, into result: MatrixView) {
            let products = work.products(rows.shardOffsets(batch))
            work.profile.measure(.products) { products.forward(left, weight.view, into: result) }
        }
        work.profile.measure(.elementwise) { saved.input.finish(0..<batch.tokenCount) }
        if let queries = saved.queries {
            batch.gatherFirstRows(saved.input.single, into: saved.selected.single)
            saved.selected.finish(0..<batch.sequenceCount)
            let (query, keyValue) = parts(ofProjections: weights.projections)
            product(saved.selected.view, query, rows, into: queries)
            product(saved.input.view, keyValue, .tokens, into: saved.projections)
        } else {
            product(saved.input.view, weights.projections, .tokens, into: saved.projections)
        }
        work.profile.measure(.attention) {
            for shard in batch.shards {
                let rows = rows(shard)
                attention(shard).forward(
                    saved.attentionProjections.rows(shard.tokens, queries: rows), bias: vectors.projectionBias,
                    sequenceOffsets: batch.boundaries(shard), statistics: statistics(shard, batch, saved),
                    into: saved.context.single.rows(rows), scratch: work.attention)
                saved.context.finish(rows)
            }
        }
        product(saved.context.view, weights.attention, rows, into: saved.attentionNormalized)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = rows(shard)
                addAndNormalize(
                    saved.attentionNormalized.rows(rows), bias: vectors.attentionBias,
                    residual: saved.selected.single.rows(rows), dropout: dropout(shard, .attentionOutput),
                    norm(vectors.attentionNorm), inverseDeviation: saved.attentionInverseDeviation.slice(rows),
                    into: saved.attended.single.rows(rows))
                saved.attended.finish(rows)
            }
        }
        product(saved.attended.view, weights.intermediate, rows, into: saved.intermediate)
        let activated = work.activated(configuration, rows: rows.count(batch))
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = rows(shard)
                activate(
                    saved.intermediate.rows(rows), bias: vectors.intermediateBias, configuration.activation,
                    into: activated.rows(rows))
            }
        }
        product(activated, weights.output, rows, into: saved.outputNormalized)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = rows(shard)
                addAndNormalize(
                    saved.outputNormalized.rows(rows), bias: vectors.outputBias,
                    residual: saved.attended.single.rows(rows), dropout: dropout(shard, .layerOutput),
                    norm(vectors.outputNorm), inverseDeviation: saved.outputInverseDeviation.slice(rows),
                    into: saved.output.rows(rows))
            }
        }
    }

    /// - Parameters:
    ///   - dOutput: [rows, hiddenSize], the gradient of the layer's output; used up.
    ///   - dInput: [tokens, hiddenSize]; overwritten by the gradient of the layer's input. The same as `dOutput` where all rows
    ///     are wanted.
    ///   - saved: as the forward pass left it; used up.
    ///   - gradients: overwritten; nil where the gradients of the weights are not wanted.
    ///   - shardVectors: for each shard where the gradients of the layer's vectors go.
    func backward(
        _ dOutput: MatrixView, into dInput: MatrixView, _ batch: PackedBatch, _ weights: EncoderWeights.Layer,
        _ vectors: ModelTensors.LayerVectors, _ saved: LayerActivations, _ work: LayerWorkspace,
        shardVectors: [ModelTensors.LayerVectors], into gradients: ModelTensors.Layer?
    ) {
        func weightGradient(
            _ dOutput: OperandView, _ source: OperandView, _ rows: LayerRows, into gradient: MatrixView?
        ) {
            guard let gradient else { return }
            let products = work.products(rows.shardOffsets(batch))
            work.profile.measure(.products) { products.weightGradient(dOutput, source, into: gradient) }
        }
        func inputGradient(
            _ dOutput: OperandView, _ weight: ProductOperand, _ rows: LayerRows, into dInput: MatrixView,
            adds: Bool = false
        ) {
            let products = work.products(rows.shardOffsets(batch))
            work.profile.measure(.products) {
                products.inputGradient(dOutput, weight.view, into: dInput, adds: adds)
            }
        }
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let (rows, own) = (rows(shard), shardVectors[shard.index])
                addAndNormalizeBackward(
                    dOutput.rows(rows), normalized: saved.outputNormalized.rows(rows),
                    inverseDeviation: saved.outputInverseDeviation.slice(rows), dropout: dropout(shard, .layerOutput),
                    norm(vectors.outputNorm), dSublayer: work.outputProduct.rows(rows),
                    dBias: own.outputBias, own.outputNorm.gradients)
            }
        }
        inputGradient(work.outputProduct, weights.output, rows, into: work.activated)
        let activated = work.activated(over: saved.intermediate)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let rows = rows(shard)
                activateBackward(
                    work.activated.rows(rows), input: saved.intermediate.rows(rows), bias: vectors.intermediateBias,
                    configuration.activation, output: activated.rows(rows), dInput: work.intermediate.rows(rows),
                    dBias: shardVectors[shard.index].intermediateBias)
            }
        }
        weightGradient(work.outputProduct, activated, rows, into: gradients?.output)
        weightGradient(work.intermediate, saved.attended.view, rows, into: gradients?.intermediate)
        inputGradient(work.intermediate, weights.intermediate, rows, into: dOutput, adds: true)
        work.profile.measure(.elementwise) {
            for shard in batch.shards {
                let (rows, own) = (rows(shard), shardVectors[shard.index])
                addAndNormalizeBackward(
                    dOutput.rows(rows), normalized: saved.attentionNormalized.rows(rows),
                    inverseDeviation: saved.attentionInverseDeviation.slice(rows),
                    dropout: dropout(shard, .attentionOutput), norm(vectors.attentionNorm),
                    dSublayer: work.attentionProduct.rows(rows), dBias: own.attentionBias, own.attentionNorm.gradients)
            }
        }
        weightGradient(work.attentionProduct, saved.context.view, rows, into: gradients?.attention)
        inputGradient(work.attentionProduct, weights.attention, rows, into: work.context)
        work.profile.measure(.attention) {
            for shard in batch.shards {
                let rows = rows(shard)
                attention(shard).backward(
                    work.context.rows(rows), context: saved.context.single.rows(rows),
                    projections: saved.attentionProjections.rows(shard.tokens, queries: rows),
                    bias: vectors.projectionBias, sequenceOffsets: batch.boundaries(shard),
                    statistics: statistics(shard, batch, saved),
                    into: work.attentionProjections.rows(shard.tokens, queries: rows),
                    dBias: shardVectors[shard.index].projectionBias, scratch: work.attention)
            }
        }
        guard let queries = work.queries else {
            weightGradient(work.projections, saved.input.view, .tokens, into: gradients?.projections)
            inputGradient(work.projections, weights.projections, .tokens, into: dInput, adds: true)
            return
        }
        let (query, keyValue) = parts(ofProjections: weights.projections)
        let hidden = configuration.hiddenSize
        weightGradient(queries, saved.selected.view, rows, into: gradients?.projections.rows(0..<hidden))
        weightGradient(
            work.projections, saved.input.view, .tokens, into: gradients?.projections.rows(hidden..<3 * hidden))
        inputGradient(queries, query, rows, into: dOutput, adds: true)
        batch.scatterFirstRows(dOutput, into: dInput)
        inputGradient(work.projections, keyValue, .tokens, into: dInput, adds: true)
    }

    /// The weights of the queries, and those of keys and values.
    private func parts(ofProjections all: ProductOperand) -> (query: ProductOperand, keyValue: ProductOperand) {
        let hidden = configuration.hiddenSize
        return (all.rows(0..<hidden), all.rows(hidden..<3 * hidden))
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
            queries: rows == .tokens ? .all : .first, dropout: dropout(shard, .attentionProbability))
    }

    /// The part of the saved statistics of attention that belongs to a shard's sequences.
    private func statistics(_ shard: PackedBatch.Shard, _ batch: PackedBatch, _ saved: LayerActivations) -> VectorView {
        let heads = configuration.attentionHeadCount
        let start = Attention.statisticsCount(headCount: heads, batch.sequenceOffsets[...shard.sequences.lowerBound])
        let count = Attention.statisticsCount(headCount: heads, batch.boundaries(shard))
        return saved.attentionStatistics.slice(start..<start + count)
    }
}
