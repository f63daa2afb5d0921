import Kernels
import LinearAlgebra
import TaskData

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

    private let fineTuning: FineTuning

    init(_ model: ModelShape, _ parameters: ModelTensors, _ fineTuning: FineTuning) {
        self.model = model
        self.fineTuning = fineTuning
        self.parameters = parameters
    }

    private var hiddenSize: Int { model.configuration.hiddenSize }

    /// What the heads see of every sequence [sequences, hiddenSize], without dropout: tanh(W · state + b), or the state itself
    /// where that is a mean.
    ///
    /// - Parameter first: [sequences, hiddenSize], the states of the first tokens, or the means.
    func pool(_ first: MatrixView) -> MatrixView {
        if model.pooling == .mean { return first }
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

    /// For each shard the sum of each task's losses.
    ///
    /// - Parameter states: [sequences, hiddenSize], of the first tokens, or the means.
    func losses(_ states: MatrixView, _ batch: PackedBatch, dropoutKey: UInt64?) -> [[Double]] {
        let output = pool(states)
        let input = dropped.matrix(rows: batch.sequenceCount, columns: hiddenSize)
        return batch.shards.map { shard in
            dropOut(output.rows(shard.sequences), dropout(shard, dropoutKey), into: input.rows(shard.sequences))
            var sums = [Double](repeating: 0, count: model.tasks.count)
            forEachTask(of: shard, batch) { task, sequences in
                let scores = logits(of: task, gather(sequences, from: input))
                sums[task] = loss(of: task, scores, labels: sequences.map { batch.labels[$0] }, weight: 1)
            }
            return sums
        }
    }

    /// - Parameters:
    ///   - weights: see `ModelPass.gradient`.
    ///   - states: [sequences, hiddenSize], of the first tokens, or the means.
    ///   - dStates: [sequences, hiddenSize]; overwritten by the gradient of `states`.
    ///   - gradients: the pooler and the heads in it are overwritten.
    /// - Returns: for each shard the sum of each task's losses.
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
                sums[task] = loss(of: task, scores, labels: sequences.map { batch.labels[$0] }, weight: weights[task])
                multiply(scores, .transposed, rows, .asIs, into: own.classifiers[task].weight)
                sumRows(scores, into: own.classifiers[task].bias)
                let dRows = dTaskRows.matrix(rows: sequences.count, columns: hiddenSize)
                multiply(scores, parameters.heads.classifiers[task].weight, into: dRows)
                for (row, sequence) in sequences.enumerated() { dOutput.row(sequence).copy(from: dRows.row(row)) }
            }
            losses.append(sums)
            let rows = dOutput.rows(shard.sequences)
            dropOut(rows, dropout, into: rows)
            if model.pooling == .mean { continue }
            tanhBackward(rows, output: output.rows(shard.sequences))
            sumRows(rows, into: own.poolerBias)
        }
        treeSum(vectors, into: gradients.flat.slice(region))
        if model.pooling == .mean {
            dStates.flattened.copy(from: dOutput.flattened)
            gradients.pooler.flattened.fill(0)
            return losses
        }
        multiply(dOutput, parameters.pooler, .asIs, into: dStates, scratch: products)
        multiplyShardwise(
            [ShardRun(dOutput, states, shardOffsets: batch.shardSequences)], into: gradients.pooler,
            scratch: products)
        return losses
    }

    /// The sum of the losses of a task's examples.
    ///
    /// - Parameters:
    ///   - scores: overwritten by the gradient.
    ///   - weight: of one example.
    private func loss(of task: Int, _ scores: MatrixView, labels: [Int], weight: Double) -> Double {
        let losses =
            switch model.tasks[task].kind {
            case .singleLabel:
                crossEntropy(scores, labels: labels, targets: fineTuning.targets(of: task), weight: weight)
            case .multiLabel:
                binaryCrossEntropy(scores, weight: weight) { LabelCode.set(labels[$0], contains: $1) }
            case .regression:
                squaredError(scores, targets: labels.map(LabelCode.value), weight: weight)
            }
        return losses.reduce(0, +)
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
