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

    /// A text may spell out the padding token.
    @Test func thePaddingTokenHasNoGradient() throws {
        let (model, parameters, _) = try ShardIndependenceTests().tinyModel(shards: 1)
        let sequence = PackedBatch.Sequence(ids: [2, 0, 7, 0, 3], secondSegmentStart: 5, task: 0, label: 1)
        let gradient = GradientBuffer(model)
        _ = ModelPass(model, parameters: parameters.view).gradient(
            PackedBatch(shards: [(0, [sequence])]), weights: [1, 1, 1], dropoutKey: nil, into: gradient)
        let (words, size) = (try #require(model.layout.tensors.first).range.lowerBound, model.configuration.hiddenSize)
        for (word, isTrained) in [(0, false), (2, true), (7, true), (3, true)] {
            let row = gradient.flat.slice(words + word * size..<words + (word + 1) * size).array
            #expect(row.contains { $0 != 0 } == isTrained, "word \(word)")
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

    /// Where every word of a batch stands in one place only, moving a token's embedding is moving its word's row of the table:
    /// the gradient is the mean of those of plain passes, before and after the rows are moved along the first one.
    @Test(arguments: [-1, 1]) func adversarialGradientIsTheMeanOfTwoPlainOnes(frozenDepth: Int) throws {
        let (model, parameters, _) = try ShardIndependenceTests().tinyModel(shards: 1)
        let lengths = [3, 7, 1, 12]
        let sequences = lengths.enumerated().map { index, length in
            let start = 5 + lengths[..<index].reduce(0, +)
            return PackedBatch.Sequence(
                ids: (start..<start + length).map(Int32.init)[...], secondSegmentStart: length - index % 2,
                task: index % 3, label: index % 2)
        }
        let batch = PackedBatch(shards: [(0, Array(sequences[..<2])), (1, Array(sequences[2...]))])
        let weights = [0.3, 0.2, 0.5]
        func plain() -> (gradient: GradientBuffer, losses: [[Double]]) {
            let buffer = GradientBuffer(model)
            let pass = ModelPass(
                model, parameters: parameters.view, fineTuning: FineTuning(frozenDepth: frozenDepth))
            return (buffer, pass.gradient(batch, weights: weights, dropoutKey: nil, into: buffer))
        }
        let own = GradientBuffer(model)
        let pass = ModelPass(
            model, parameters: parameters.view, fineTuning: FineTuning(adversarialNorm: 0.3, frozenDepth: frozenDepth))
        // The buffer is used twice, so that remains of an earlier step would show.
        _ = pass.gradient(batch, weights: [1, 1, 1], dropoutKey: 4, into: own)
        let losses = pass.gradient(batch, weights: weights, dropoutKey: nil, into: own)
        let before = plain()
        #expect(losses == before.losses, "of the sequences as they are")
        #expect(pass.losses(batch, dropoutKey: nil) == losses)

        let slopes = GradientBuffer(model)
        _ = ModelPass(model, parameters: parameters.view).gradient(
            batch, weights: weights, dropoutKey: nil, into: slopes)
        let (words, size) = (try #require(model.layout.tensors.first).range.lowerBound, model.configuration.hiddenSize)
        for sequence in sequences {
            let range = words + Int(sequence.ids.first!) * size..<words + (Int(sequence.ids.last!) + 1) * size
            let factor = Float(0.3 / norm(slopes.flat.slice(range).array))
            for place in range { parameters.view[place] += factor * slopes.flat[place] }
        }
        let after = plain()
        let sums = [losses, after.losses].map { $0.joined().reduce(0, +) }
        #expect(sums[1] > sums[0])
        for tensor in model.layout.tensors {
            let right = zip(
                before.gradient.flat.slice(tensor.range).array, after.gradient.flat.slice(tensor.range).array
            )
            .map { ($0 + $1) / 2 }
            let distance = norm(zip(own.flat.slice(tensor.range).array, right).map { $0 - $1 })
            #expect(distance <= 1e-5 * norm(right) + 1e-6, "\(tensor.name): \(distance) away from \(norm(right))")
        }
    }
}
