import Checkpoints
import LinearAlgebra
import MultiTaskBERT
import Testing

@Suite struct FineTuningTests {
    /// What is frozen has no gradient, and all else has the one that it has otherwise.
    @Test(arguments: [-1, 0, 1, 2]) func frozenPartsHaveNoGradient(depth: Int) throws {
        let (model, parameters, batch) = try ShardIndependenceTests().tinyModel(shards: 2)
        let (whole, part) = (GradientBuffer(model), GradientBuffer(model))
        let weights = [0.3, 0.2, 0.5]
        let losses = ModelPass(model, parameters: parameters.view)
            .gradient(batch, weights: weights, dropoutKey: 3, into: whole)
        let pass = ModelPass(model, parameters: parameters.view, fineTuning: FineTuning(frozenDepth: depth))
        // The buffer is used twice, so that remains of an earlier step would show.
        _ = pass.gradient(batch, weights: weights, dropoutKey: 4, into: part)
        #expect(pass.gradient(batch, weights: weights, dropoutKey: 3, into: part) == losses)
        for tensor in model.layout.tensors {
            let (all, some) = (whole.flat.slice(tensor.range).array, part.flat.slice(tensor.range).array)
            #expect(some == (tensor.depth <= depth ? all.map { _ in 0 } : all), "\(tensor.name)")
        }
    }

    @Test func ratesFallFromTheTopLayerDown() throws {
        let (model, _, _) = try ShardIndependenceTests().tinyModel(shards: 1)
        let fineTuning = FineTuning(frozenDepth: 0, layerDecay: 0.5)
        func rate(_ name: String, _ model: ModelShape, _ fineTuning: FineTuning) throws -> Double {
            fineTuning.rate(of: try #require(model.layout.tensor(name)), in: model)
        }
        #expect(try rate("classifiers.task0.bias", model, fineTuning) == 1)
        #expect(try rate("bert.pooler.dense.weight", model, fineTuning) == 1)
        #expect(try rate("bert.encoder.layer.1.output.dense.bias", model, fineTuning) == 1)
        #expect(try rate("bert.encoder.layer.0.output.dense.bias", model, fineTuning) == 0.5)
        #expect(try rate("bert.embeddings.LayerNorm.bias", model, fineTuning) == 0)
        #expect(try rate("bert.embeddings.LayerNorm.bias", model, FineTuning(layerDecay: 0.5)) == 0.25)
        let means = ModelShape(model.configuration, tasks: model.tasks, pooling: .mean)
        #expect(try rate("bert.pooler.dense.weight", means, FineTuning()) == 0)
    }

    /// Both runs of an example are alike without dropout: loss and gradient are those of one run.
    @Test func twoEqualRunsAgree() throws {
        let (model, parameters, _) = try ShardIndependenceTests().tinyModel(shards: 1)
        let sequences = [3, 7, 1, 12].enumerated().map { index, length in
            PackedBatch.Sequence(
                ids: (0..<length).map { Int32(5 + ($0 * 7 + index) % 50) }[...], secondSegmentStart: length,
                task: index % 3, label: index % 2)
        }
        let (once, twice) = (GradientBuffer(model), GradientBuffer(model))
        let weights = [0.3, 0.2, 0.5]
        let plain = ModelPass(model, parameters: parameters.view)
            .gradient(PackedBatch(shards: [(0, sequences)]), weights: weights, dropoutKey: nil, into: once)
        let doubled = sequences.flatMap { [$0, $0] }
        let pass = ModelPass(model, parameters: parameters.view, fineTuning: FineTuning(agreement: 4))
        let losses = pass.gradient(
            PackedBatch(shards: [(0, doubled)]), weights: weights, dropoutKey: nil, into: twice)
        for (own, right) in zip(losses[0], plain[0]) { #expect(abs(own - right) < 1e-6 * abs(right)) }
        for tensor in model.layout.tensors {
            let (own, right) = (twice.flat.slice(tensor.range).array, once.flat.slice(tensor.range).array)
            let distance = norm(zip(own, right).map { $0 - $1 })
            #expect(distance <= 1e-5 * norm(right) + 1e-6, "\(tensor.name): \(distance) away from \(norm(right))")
        }
        let dropped = pass.gradient(
            PackedBatch(shards: [(0, doubled)]), weights: weights, dropoutKey: 8, into: twice)
        #expect(dropped != losses)
    }
}
