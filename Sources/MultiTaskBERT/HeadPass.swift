import Kernels
import LinearAlgebra

/// The pooler and the classification heads: what follows the encoder.
final class HeadPass {
    private let model: ModelShape
    private let parameters: ModelTensors
    private let pooled = GrowingBuffer()
    private let dropped = GrowingBuffer()
    private let dPooled = GrowingBuffer()
    private let taskRows = GrowingBuffer()
    private let dTaskRows = GrowingBuffer()
    private let logitRows = GrowingBuffer()
    private let shardVectors = GrowingBuffer()
    private let products = ProductScratch()

    init(_ model: ModelShape, _ parameters: ModelTensors) {
        self.model = model
        self.parameters = parameters
    }

    private var hiddenSize: Int { model.configuration.hiddenSize }

    /// tanh(W · first token + b) of every sequence [sequences, hiddenSize], without dropout.
    ///
    /// - Parameter first: [sequences, hiddenSize], the states of the first tokens.
    func pool(_ first: MatrixView) -> MatrixView {
        let output = pooled.matrix(like: first)
        multiply(first, parameters.pooler, .transposed, into: output, scratch: products)
        addBiasAndTanh(parameters.heads.poolerBias, output)
        return output
    }

    func logits(_ states: MatrixView, _ batch: PackedBatch) -> [[Float]] {
        let pooled = pool(states)
        var result = [[Float]](repeating: [], count: batch.sequenceCount)
        for shard in batch.shards {
            forEachTask(of: shard, batch) { task, sequences in
                let scores = logits(of: task, gather(sequences, from: pooled))
                for (row, sequence) in sequences.enumerated() { result[sequence] = scores.row(row).array }
            }
        }
        return result
    }

    /// - Parameters:
    ///   - weights: see `ModelPass.gradient`.
    ///   - states: [sequences, hiddenSize], of the first tokens.
    ///   - dStates: [sequences, hiddenSize]; overwritten by the gradient of `states`.
    ///   - gradients: the pooler and the heads in it are overwritten.
    /// - Returns: for each shard the sum of each task's cross-entropies.
    func lossAndGradient(
        _ states: MatrixView, _ batch: PackedBatch, weights: [Double], dropoutKey: UInt64?, dStates: MatrixView,
        into gradients: ModelTensors
    ) -> [[Double]] {
        let output = pool(states)
        let input = dropped.matrix(rows: batch.sequenceCount, columns: hiddenSize)
        let dOutput = dPooled.matrix(rows: batch.sequenceCount, columns: hiddenSize)
        let region = model.layout.headRegion
        let vectors = shardVectors.matrix(rows: batch.shardCount, columns: region.count)
        vectors.flattened.fill(0)
        var losses: [[Double]] = []
        for shard in batch.shards {
            let dropout = dropout(shard, dropoutKey)
            let own = ModelTensors.Heads(
                gradients.heads, movedBy: vectors.row(shard.index).base - gradients.flat.slice(region).base)
            dropOut(output.rows(shard.sequences), dropout, into: input.rows(shard.sequences))
            var sums = [Double](repeating: 0, count: model.tasks.count)
            forEachTask(of: shard, batch) { task, sequences in
                let rows = gather(sequences, from: input)
                let scores = logits(of: task, rows)
                sums[task] = crossEntropy(scores, labels: sequences.map { batch.labels[$0] }, weight: weights[task])
                    .reduce(0, +)
                multiply(scores, .transposed, rows, .asIs, into: own.classifiers[task].weight)
                sumRows(scores, into: own.classifiers[task].bias)
                let dRows = dTaskRows.matrix(rows: sequences.count, columns: hiddenSize)
                multiply(scores, parameters.heads.classifiers[task].weight, into: dRows)
                for (row, sequence) in sequences.enumerated() { dOutput.row(sequence).copy(from: dRows.row(row)) }
            }
            losses.append(sums)
            let rows = dOutput.rows(shard.sequences)
            dropOut(rows, dropout, into: rows)
            tanhBackward(rows, output: output.rows(shard.sequences))
            sumRows(rows, into: own.poolerBias)
        }
        treeSum(vectors, into: gradients.flat.slice(region))
        multiply(dOutput, parameters.pooler, .asIs, into: dStates, scratch: products)
        multiplyShardwise(
            transposed: dOutput, states, shardOffsets: batch.shardSequences,
            into: gradients.pooler, scratch: products)
        return losses
    }

    /// Calls `body` for each task that has sequences in the shard, with their numbers.
    private func forEachTask(of shard: PackedBatch.Shard, _ batch: PackedBatch, _ body: (Int, [Int]) -> Void) {
        for task in model.tasks.indices {
            let sequences = shard.sequences.filter { batch.tasks[$0] == task }
            if !sequences.isEmpty { body(task, sequences) }
        }
    }

    private func gather(_ sequences: [Int], from source: MatrixView) -> MatrixView {
        let rows = taskRows.matrix(rows: sequences.count, columns: hiddenSize)
        for (row, sequence) in sequences.enumerated() { rows.row(row).copy(from: source.row(sequence)) }
        return rows
    }

    /// [examples, labels of the task], valid until the next call.
    private func logits(of task: Int, _ rows: MatrixView) -> MatrixView {
        let classifier = parameters.heads.classifiers[task]
        let scores = logitRows.matrix(rows: rows.rows, columns: classifier.bias.count)
        multiply(rows, .asIs, classifier.weight, .transposed, into: scores)
        addBias(classifier.bias, to: scores)
        return scores
    }

    private func dropout(_ shard: PackedBatch.Shard, _ key: UInt64?) -> DropoutSite {
        guard let key else { return .none }
        return DropoutSite(
            key: key, shard: shard.number, layer: model.configuration.layerCount, site: .pooled,
            probability: model.configuration.classifierDropout)
    }
}
