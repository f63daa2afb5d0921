import Kernels
import LinearAlgebra

/// Runs batches forward and backward through one replica of the parameters. One thread uses it at a time; its memory is
/// reused from batch to batch.
public final class ModelPass {
    private let model: ModelShape
    private let parameters: ModelTensors
    private let embedding: (normalized: GrowingBuffer, inverseDeviation: GrowingBuffer, output: GrowingBuffer)
    private let encoderWeights: EncoderWeights
    private var layers: [LayerActivations] = []
    private let shared: SharedActivations
    private let sharing: ProductSharing?
    /// Where the gradients of weights go that lanes sum together.
    private let sums: ModelTensors?
    private let work: LayerWorkspace
    private let hidden, first: GrowingBuffer
    private let shardVectors = GrowingBuffer()
    private let means = GrowingBuffer()
    private let moves = GrowingBuffer()
    private let heads: HeadPass
    private let fineTuning: FineTuning

    /// - Parameters:
    ///   - parameters: the flat buffer, in the model's layout; read at every pass.
    ///   - weights: made from the same parameters, in the precision of the encoder's products; single precision where nil.
    ///   - fineTuning: what `gradient` does beyond the plain recipe.
    public init(
        _ model: ModelShape, parameters: VectorView, weights: EncoderWeights? = nil,
        fineTuning: FineTuning = FineTuning(), sharing: ProductSharing? = nil
    ) {
        self.model = model
        self.fineTuning = fineTuning
        encoderWeights = weights ?? EncoderWeights(model, parameters: parameters, .single)
        work = LayerWorkspace(encoderWeights.precision, sharing)
        self.sharing = sharing
        sums = sharing.map { model.tensors($0.sums) }
        let arena = sharing?.arena
        shared = SharedActivations(in: arena)
        (hidden, first) = (GrowingBuffer(in: arena), GrowingBuffer(in: arena))
        embedding = (GrowingBuffer(), GrowingBuffer(), GrowingBuffer(in: arena))
        self.parameters = model.tensors(parameters)
        heads = HeadPass(model, self.parameters, fineTuning)
    }

    private var configuration: BERTConfiguration { model.configuration }

    /// Elements that the pass takes from an arena for each token of a batch, beside what its layers take.
    static func elementsPerToken(_ configuration: BERTConfiguration) -> Int { 4 * configuration.hiddenSize }

    /// Where the time of all gradients up to now went.
    public var profile: PassProfile { work.profile }

    /// `gradient += other`, where the other one's shards come behind its own.
    public func add(_ other: GradientBuffer, to gradient: GradientBuffer) {
        work.profile.measure(.shardSum) { gradient.add(other) }
    }

    /// The hidden states behind the last layer [sequences or tokens, hiddenSize], valid until the next call.
    ///
    /// - Parameters:
    ///   - dropoutKey: of the seed and the step; nil drops nothing.
    ///   - moves: [tokens, hiddenSize], added to the embeddings; nil moves nothing.
    ///   - gradient: what the backward pass is going to overwrite; nil where none follows and no activations are kept.
    ///   - observe: called with the states of all tokens behind the embeddings and behind each layer but the last.
    ///   - lastRows: for which the last layer's output is computed, and returned; those that the pooling reads where nil.
    func encode(
        _ batch: PackedBatch, moves: MatrixView? = nil, dropoutKey: UInt64?, for gradient: GradientBuffer?,
        lastRows: LayerRows? = nil, observe: (MatrixView) -> Void = { _ in }
    ) -> MatrixView {
        let (tokens, hiddenSize) = (batch.tokenCount, configuration.hiddenSize)
        sharing?.beginBatch(tokens: tokens)
        var states = embedding.output.matrix(rows: tokens, columns: hiddenSize)
        let normalized = embedding.normalized.matrix(rows: tokens, columns: hiddenSize)
        let inverse = embedding.inverseDeviation.vector(tokens)
        work.profile.measure(.embedding) {
            for shard in batch.shards {
                embed(
                    batch.rows, shard.tokens, tables, embeddingNorm, moves: moves?.rows(shard.tokens),
                    dropout: embeddingDropout(shard, dropoutKey), normalized: normalized.rows(shard.tokens),
                    inverseDeviation: inverse.slice(shard.tokens), into: states.rows(shard.tokens))
            }
        }
        observe(states)
        // Without a backward pass two sets of activations take turns: a layer reads the output of the one before.
        let sets = gradient == nil ? min(2, configuration.layerCount) : configuration.layerCount
        while layers.count < sets { layers.append(LayerActivations(encoderWeights.precision, in: sharing?.arena)) }
        for index in 0..<configuration.layerCount {
            let saved = layers[index % sets]
            // The backward pass is done with a layer's activations before it writes the weight gradients of the layer below,
            // unless others write them.
            let isAbove = index > max(0, fineTuning.frozenDepth) && sharing?.mayAdd != true
            let below = isAbove ? gradient?.tensors.layers[index - 1] : nil
            let layer = layer(index, dropoutKey, lastRows: lastRows)
            saved.reserve(
                configuration, batch, input: states, layer.rows, shared: shared, idle: below?.matrices ?? [])
            layer.forward(
                batch, encoderWeights.layers[index], parameters.layers[index].vectors, saved, work)
            states = saved.output
            if index < configuration.layerCount - 1 { observe(states) }
        }
        return states
    }

    private func layer(_ index: Int, _ dropoutKey: UInt64?, lastRows: LayerRows? = nil) -> EncoderLayer {
        EncoderLayer(
            configuration: configuration, index: index,
            rows: index == configuration.layerCount - 1 ? lastRows ?? model.pooling.lastRows : .tokens,
            dropoutKey: dropoutKey)
    }

    /// Each sequence's logits for its own task.
    public func logits(_ batch: PackedBatch) -> [[Float]] {
        let states = encode(batch, dropoutKey: nil, for: nil)
        return heads.logits(sequenceStates(states, batch), batch)
    }

    /// One state for each sequence [sequences, hiddenSize].
    private func sequenceStates(_ states: MatrixView, _ batch: PackedBatch) -> MatrixView {
        guard model.pooling == .mean else { return states }
        let result = means.matrix(rows: batch.sequenceCount, columns: configuration.hiddenSize)
        meanRows(states, sequenceOffsets: batch.sequenceOffsets[...], into: result)
        return result
    }

    /// The losses that `gradient` returns for the same batch and key, to the bit, by a forward pass alone.
    public func losses(_ batch: PackedBatch, dropoutKey: UInt64?) -> [[Double]] {
        let start = PassProfile.now
        defer { work.profile.addForward(since: start) }
        let states = encode(batch, dropoutKey: dropoutKey, for: nil)
        return heads.losses(sequenceStates(states, batch), batch, dropoutKey: dropoutKey)
    }

    /// The pooled output [sequences, hiddenSize] without dropout, and the states behind every layer; for comparisons.
    package func hiddenStates(_ batch: PackedBatch) -> (states: [[Float]], pooled: [Float]) {
        var all: [[Float]] = []
        let states = encode(batch, dropoutKey: nil, for: nil, lastRows: .tokens) { all.append($0.flattened.array) }
        all.append(states.flattened.array)
        let first = hidden.matrix(rows: batch.sequenceCount, columns: configuration.hiddenSize)
        batch.gatherFirstRows(states, into: first)
        return (all, heads.pool(first).flattened.array)
    }

    /// Computes parts of other passes' products until none computes any more; nothing where products are not shared.
    ///
    /// - Returns: how many parts it computed.
    @discardableResult
    public func help() -> Int { work.help() }

    /// The loss of a batch and its gradient.
    ///
    /// - Parameters:
    ///   - weights: of each task, over the count of its examples in the global batch: what one example's loss counts.
    ///   - dropoutKey: of the seed and the step; nil drops nothing.
    ///   - gradient: overwritten by the sum over the batch's shards, but for what lanes sum together.
    /// - Returns: for each shard the sum of each task's losses, unweighted, of the sequences as they are.
    public func gradient(
        _ batch: PackedBatch, weights: [Double], dropoutKey: UInt64?, into gradient: GradientBuffer
    ) -> [[Double]] {
        guard fineTuning.adversarialNorm > 0 else {
            return differentiate(batch, by: .parameters, weights: weights, dropoutKey: dropoutKey, into: gradient)
        }
        // First the way up the loss, then the sequences as they are and as they are moved, each for one half.
        let losses = differentiate(
            batch, by: .embeddedTokens, weights: weights, dropoutKey: dropoutKey, into: gradient)
        let slope = hidden.matrix(rows: batch.tokenCount, columns: configuration.hiddenSize)
        let moves = moves.matrix(rows: 2 * slope.rows, columns: slope.columns)
        work.profile.measure(.embedding) {
            adversarialMoves(
                slope, sequenceOffsets: batch.sequenceOffsets, norm: fineTuning.adversarialNorm, into: moves)
        }
        _ = differentiate(
            batch.doubled(), by: .parameters, moves: moves, weights: weights.map { $0 / 2 }, dropoutKey: dropoutKey,
            into: gradient)
        return losses
    }

    /// What the gradient of a loss is taken by.
    private enum Variables {
        /// All parameters that are trained.
        case parameters
        /// Each token's embedding: afterwards `hidden` holds the gradient, and the buffer for that of the parameters nothing of use.
        case embeddedTokens
    }

    private func differentiate(
        _ batch: PackedBatch, by variables: Variables, moves: MatrixView? = nil, weights: [Double],
        dropoutKey: UInt64?, into gradient: GradientBuffer
    ) -> [[Double]] {
        let target = gradient.tensors
        let start = PassProfile.now
        let states = encode(batch, moves: moves, dropoutKey: dropoutKey, for: gradient)
        work.profile.addForward(since: start)
        let middle = PassProfile.now
        defer { work.profile.addBackward(since: middle) }
        let dHidden = hidden.matrix(rows: batch.tokenCount, columns: configuration.hiddenSize)
        let dFirst = first.matrix(rows: batch.sequenceCount, columns: configuration.hiddenSize)
        let losses = work.profile.measure(.heads) {
            heads.lossAndGradient(
                sequenceStates(states, batch), batch, weights: weights, dropoutKey: dropoutKey, dStates: dFirst,
                into: target)
        }
        if model.pooling == .mean {
            meanRowsBackward(dFirst, sequenceOffsets: batch.sequenceOffsets[...], into: dHidden)
        }
        let lowest = variables == .parameters ? max(0, fineTuning.frozenDepth) : 0
        let weightGradients: [ModelTensors.Layer]? =
            switch (variables, sums) {
            case (.embeddedTokens, _): nil
            case (.parameters, let sums?) where sharing?.isSumming == true: sums.layers
            case (.parameters, _): target.layers
            }
        for index in (lowest..<configuration.layerCount).reversed() {
            let region = model.layout.layerVectors[index]
            let rows = shardRows(batch, region)
            let home = target.flat.slice(region).base
            let vectors = (0..<batch.shardCount).map {
                ModelTensors.LayerVectors(target.layers[index].vectors, movedBy: rows.row($0).base - home)
            }
            let layer = layer(index, dropoutKey)
            work.reserve(configuration, batch, layer.rows)
            layer.backward(
                layer.rows == .tokens ? dHidden : dFirst, into: dHidden, batch, encoderWeights.layers[index],
                parameters.layers[index].vectors, layers[index],
                work, shardVectors: vectors, into: weightGradients?[index])
            if variables == .parameters {
                work.profile.measure(.shardSum) { treeSum(rows, into: target.flat.slice(region)) }
            }
        }
        if variables == .embeddedTokens || fineTuning.frozenDepth < 0 {
            work.profile.measure(.embedding) {
                let vectors = embeddingBackward(dHidden, batch, dropoutKey)
                if variables == .parameters { embeddingGradient(dHidden, vectors, batch, into: gradient) }
            }
        }
        return losses
    }

    /// - Parameter dHidden: overwritten by the gradient of each token's embedding.
    /// - Returns: for each shard the gradient of the embedding's vectors.
    private func embeddingBackward(_ dHidden: MatrixView, _ batch: PackedBatch, _ dropoutKey: UInt64?) -> MatrixView {
        let region = model.layout.embeddingVectors
        let (rows, size) = (shardRows(batch, region), configuration.hiddenSize)
        let normalized = embedding.normalized.matrix(like: dHidden)
        let inverse = embedding.inverseDeviation.vector(batch.tokenCount)
        for shard in batch.shards {
            let own = rows.row(shard.index)
            let shift = region.count / 2
            embedBackward(
                dHidden.rows(shard.tokens), normalized: normalized.rows(shard.tokens),
                inverseDeviation: inverse.slice(shard.tokens), dropout: embeddingDropout(shard, dropoutKey),
                embeddingNorm, LayerNormGradients(scale: own.slice(0..<size), shift: own.slice(shift..<shift + size)))
        }
        return rows
    }

    /// - Parameters:
    ///   - dEmbedded: [tokens, hiddenSize].
    ///   - vectors: for each shard the gradient of the embedding's vectors; used up.
    private func embeddingGradient(
        _ dEmbedded: MatrixView, _ vectors: MatrixView, _ batch: PackedBatch, into gradient: GradientBuffer
    ) {
        treeSum(vectors, into: gradient.flat.slice(model.layout.embeddingVectors))
        gradient.clearEmbeddings()
        let tables = gradient.tensors
        let touched = [
            (batch.rows.words, tables.words), (batch.rows.positions, tables.positions),
            (batch.rows.tokenTypes, tables.tokenTypes),
        ].map {
            scatterAdd(dEmbedded, indices: $0.0, shardOffsets: batch.shardOffsets, into: $0.1, scratch: work.tree)
        }
        // A text may spell out the padding token, whose embedding is not trained (`padding_idx` of PyTorch).
        if touched[0].contains(Int32(configuration.paddingID)) { tables.words.row(configuration.paddingID).fill(0) }
        gradient.noteTouchedWords(touched[0])
    }

    private func shardRows(_ batch: PackedBatch, _ region: Range<Int>) -> MatrixView {
        let rows = shardVectors.matrix(rows: batch.shardCount, columns: region.count)
        rows.flattened.fill(0)
        return rows
    }

    private var tables: EmbeddingTables {
        EmbeddingTables(words: parameters.words, positions: parameters.positions, tokenTypes: parameters.tokenTypes)
    }

    private var embeddingNorm: LayerNormParameters {
        parameters.embeddingNorm.parameters(epsilon: configuration.layerNormEpsilon)
    }

    private func embeddingDropout(_ shard: PackedBatch.Shard, _ key: UInt64?) -> DropoutSite {
        guard let key else { return .none }
        return DropoutSite(
            key: key, shard: shard.number, layer: 0, site: .embedding, probability: configuration.hiddenDropout)
    }
}

extension GrowingBuffer {
    /// The memory as it was last used for a matrix of this size.
    func matrix(like other: MatrixView) -> MatrixView { matrix(rows: other.rows, columns: other.columns) }
}
