import Checkpoints
import LinearAlgebra
import MultiTaskBERT
import Testing

/// A shard's gradient and the sum over shards come out with the same bits whichever shards share a batch.
@Suite struct ShardIndependenceTests {
    @Test(arguments: [2, 4, 7], precisions)
    func jointGradientIsTheTreeOfSingleOnes(shardCount: Int, precision: ProductPrecision) throws {
        let (model, parameters, batch) = try tinyModel(shards: shardCount)
        let encoderWeights = EncoderWeights(model, parameters: parameters.view, precision)
        encoderWeights.update(threads: 1)
        let pass = ModelPass(model, parameters: parameters.view, weights: encoderWeights)
        let weights = [0.3, 0.2, 0.5]
        let joint = GradientBuffer(model)
        let losses = pass.gradient(batch, weights: weights, dropoutKey: 99, into: joint)

        let all = try sequences(of: shardCount)
        var singles: [GradientBuffer] = []
        for shard in all {
            let single = GradientBuffer(model)
            // The buffer is used twice, so that remains of an earlier step would show.
            _ = pass.gradient(PackedBatch(shards: [all[0]]), weights: weights, dropoutKey: 5, into: single)
            let own = pass.gradient(PackedBatch(shards: [shard]), weights: weights, dropoutKey: 99, into: single)
            #expect(own[0] == losses[shard.number])
            singles.append(single)
        }
        let sum = tree(singles)
        for tensor in model.layout.tensors {
            let (own, right) = (joint.flat.slice(tensor.range).array, sum.flat.slice(tensor.range).array)
            #expect(own.map(\.bitPattern) == right.map(\.bitPattern), "\(tensor.name)")
        }
    }

    /// A forward pass alone finds the losses that were differentiated, dropout included.
    @Test(arguments: [nil, 99] as [UInt64?], precisions)
    func lossesAreThoseOfTheGradient(dropoutKey: UInt64?, precision: ProductPrecision) throws {
        let (model, parameters, batch) = try tinyModel(shards: 4)
        let encoderWeights = EncoderWeights(model, parameters: parameters.view, precision)
        encoderWeights.update(threads: 1)
        let pass = ModelPass(model, parameters: parameters.view, weights: encoderWeights)
        let right = pass.gradient(batch, weights: [1, 2, 3], dropoutKey: dropoutKey, into: GradientBuffer(model))
        #expect(pass.losses(batch, dropoutKey: dropoutKey) == right)
        #expect(pass.losses(batch, dropoutKey: 5) != right)
    }

    @Test func dropoutKeyChangesTheGradient() throws {
        let (model, parameters, batch) = try tinyModel(shards: 2)
        let pass = ModelPass(model, parameters: parameters.view)
        let (first, second) = (GradientBuffer(model), GradientBuffer(model))
        let one = pass.gradient(batch, weights: [1, 1, 1], dropoutKey: 1, into: first)
        let two = pass.gradient(batch, weights: [1, 1, 1], dropoutKey: 2, into: second)
        #expect(one != two)
        let again = pass.gradient(batch, weights: [1, 1, 1], dropoutKey: 1, into: second)
        #expect(one == again)
        #expect(first.flat.array == second.flat.array)
    }

    private func tree(_ buffers: [GradientBuffer]) -> GradientBuffer {
        if buffers.count == 1 { return buffers[0] }
        let middle = treeSplit(buffers.count)
        let (left, right) = (tree(Array(buffers[..<middle])), tree(Array(buffers[middle...])))
        left.add(right)
        return left
    }

    private func sequences(of shards: Int) throws -> [(number: Int, sequences: [PackedBatch.Sequence])] {
        let batch = try packedBatch(SafetensorsFile(fixture("tiny-bert/expected.safetensors")), shards: shards)
        return batch.shards.map { shard in
            (
                shard.number,
                shard.sequences.map { index in
                    let range = batch.sequenceOffsets[index]..<batch.sequenceOffsets[index + 1]
                    return PackedBatch.Sequence(
                        ids: batch.rows.words[range],
                        secondSegmentStart: range.count { batch.rows.tokenTypes[$0] == 0 },
                        task: batch.tasks[index], label: batch.labels[index])
                }
            )
        }
    }

    func tinyModel(shards: Int) throws -> (ModelShape, FloatBuffer, PackedBatch) {
        let folder = fixture("tiny-bert")
        var configuration = try BERTConfiguration(file: folder + "/config.json")
        (configuration.hiddenDropout, configuration.attentionDropout) = (0.2, 0.3)
        let model = ModelShape(
            configuration,
            tasks: [2, 3, 5].enumerated().map { index, count in
                ClassificationTask(name: "task\(index)", labels: (0..<count).map(String.init))
            })
        let parameters = FloatBuffer(count: model.layout.count)
        try model.loadParameters(
            from: try SafetensorsFile(folder + "/model.safetensors"), file: folder, as: .encoder(seed: 1),
            into: parameters.view, note: { _ in })
        return (model, parameters, try packedBatch(SafetensorsFile(folder + "/expected.safetensors"), shards: shards))
    }
}
