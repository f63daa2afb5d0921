import Checkpoints
import Foundation
import LinearAlgebra
import MultiTaskBERT
import Testing

let precisions: [ProductPrecision] = [.single, .bfloat16]

@Suite struct ProductPrecisionTests {
    private let (model, parameters, batch): (ModelShape, FloatBuffer, PackedBatch)

    init() throws { (model, parameters, batch) = try ShardIndependenceTests().tinyModel(shards: 4) }

    private func weights(_ precision: ProductPrecision) -> EncoderWeights {
        let weights = EncoderWeights(model, parameters: parameters.view, precision)
        weights.update(threads: 2)
        return weights
    }

    private func gradient(_ weights: EncoderWeights) -> (gradient: GradientBuffer, losses: [[Double]]) {
        let buffer = GradientBuffer(model)
        let pass = ModelPass(model, parameters: parameters.view, weights: weights)
        let losses = pass.gradient(batch, weights: [0.3, 0.2, 0.5], dropoutKey: 7, into: buffer)
        return (buffer, losses)
    }

    private func norm(_ values: [Float]) -> Double { values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() }

    /// bfloat16 rounds each operand by up to a 256th, independently of each other, so that a gradient is off by a few
    /// thousandths.
    @Test func gradientsAreThoseOfSinglePrecisionWithinTwoPercent() {
        let (half, single) = (gradient(weights(.bfloat16)), gradient(weights(.single)))
        let difference = norm(zip(half.gradient.flat.array, single.gradient.flat.array).map { $0 - $1 })
        let ratio = difference / norm(single.gradient.flat.array)
        #expect(ratio < 0.02 && ratio > 1e-5, "\(ratio)")
        for (own, right) in zip(half.losses.joined(), single.losses.joined()) {
            #expect(abs(own - right) <= 0.02 * abs(right), "loss \(own) for \(right)")
        }
    }

    /// Until they are told, the copies in bfloat16 stay as they were; then they are those of the new parameters.
    @Test func updatedWeightsAreThoseOfTheParameters() {
        let kept = weights(.bfloat16)
        let before = gradient(kept).losses
        let tensorsOfTheLowestLayer = model.layout.tensors.filter {
            $0.name.contains("layer.0.") && $0.shape.count == 2
        }.map(\.range)
        for index in tensorsOfTheLowestLayer.joined() { parameters.view[index] *= 1.5 }
        #expect(gradient(kept).losses == before)
        let fresh = gradient(weights(.bfloat16))
        #expect(fresh.losses != before)
        let cuts = [0, 1, model.layout.count / 3, model.layout.count / 2 + 7, model.layout.count]
        for threads in [1, 3] {
            for index in tensorsOfTheLowestLayer.joined() { parameters.view[index] *= -1 }
            kept.update(threads: threads)
            #expect(gradient(kept).losses != fresh.losses)
            for index in tensorsOfTheLowestLayer.joined() { parameters.view[index] *= -1 }
            for (start, end) in zip(cuts, cuts.dropFirst()) { kept.update(start..<end) }
            let updated = gradient(kept)
            #expect(updated.losses == fresh.losses)
            #expect(updated.gradient.flat.array == fresh.gradient.flat.array)
        }
    }

    @Test func logitsTakeThePrecisionToo() {
        let all = [ProductPrecision.single, .bfloat16].map { precision in
            ModelPass(model, parameters: parameters.view, weights: weights(precision)).logits(batch)
        }
        #expect(all[0] != all[1])
        let (own, right) = (all[1].flatMap { $0 }, all[0].flatMap { $0 })
        let distance = zip(own, right).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(distance < 0.03 * right.reduce(0) { max($0, abs($1)) }, "\(distance)")
    }
}
