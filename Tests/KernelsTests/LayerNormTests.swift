import Kernels
import LinearAlgebra
import Testing

@Suite struct LayerNormTests {
    /// With and without dropout; the mask of the reference is what the same dropout does to ones.
    @Test(
        arguments: [DropoutSite.none, someDropout(.layerOutput)].flatMap { dropout in
            cases { rows, columns in
                let mask = mask(dropout, rows, columns)
                return KernelCase(
                    name: "layerNorm \(rows)×\(columns)\(dropout.isActive ? " behind dropout" : "")",
                    inputs: [
                        Grid(rows, columns, seed: 1, deviation: 2, mean: 0.5), Grid(1, columns, seed: 2),
                        Grid(rows, columns, seed: 3), Grid(1, columns, seed: 4, deviation: 0.5, mean: 1),
                        Grid(1, columns, seed: 5),
                    ],
                    reference: { inputs in
                        let sum = inputs[0].combined(inputs[1], +).combined(mask, *).combined(inputs[2], +)
                        return Reference.layerNorm(sum, scale: inputs[3], shift: inputs[4], epsilon: 1e-3)
                    },
                    kernel: { inputs, dOutput, memory in
                        let parameters = LayerNormParameters(
                            scale: inputs[3].row(0), shift: inputs[4].row(0), epsilon: 1e-3)
                        let (inverse, output) = (memory.vector(rows), memory.matrix(rows, columns))
                        addAndNormalize(
                            inputs[0], bias: inputs[1].row(0), residual: inputs[2], dropout: dropout, parameters,
                            inverseDeviation: inverse, into: output)
                        let vectors = (0..<3).map { _ in memory.matrix(1, columns) }
                        let dSublayer = memory.matrix(rows, columns)
                        addAndNormalizeBackward(
                            dOutput, normalized: inputs[0], inverseDeviation: inverse, dropout: dropout, parameters,
                            dSublayer: .single(dSublayer), dBias: vectors[0].row(0),
                            LayerNormGradients(scale: vectors[1].row(0), shift: vectors[2].row(0)))
                        return (output, [dSublayer, vectors[0], dOutput, vectors[1], vectors[2]])
                    })
            }
        })
    func addAndNormalizeCases(_ one: KernelCase) { one.check() }

    @Test func againstPyTorch() throws {
        let golden = try Golden()
        func grid(_ name: String) throws -> Grid { try golden.grid("layer_norm." + name) }
        let memory = GuardedMemory()
        let parameters = LayerNormParameters(
            scale: memory.matrix(try grid("weight")).row(0), shift: memory.matrix(try grid("bias")).row(0),
            epsilon: Float(try golden.number("layer_norm.epsilon")))
        let (x, d) = (memory.matrix(try grid("input")), memory.matrix(try grid("d_output")))
        let (output, inverse, dSublayer) = (memory.matrix(5, 37), memory.vector(5), memory.matrix(5, 37))
        let (dBias, dScale, dShift) = (memory.vector(37), memory.vector(37), memory.vector(37))
        addAndNormalize(
            x, bias: memory.vector([Double](repeating: 0, count: 37)), residual: memory.matrix(Grid(5, 37)),
            dropout: .none,
            parameters, inverseDeviation: inverse, into: output)
        addAndNormalizeBackward(
            d, normalized: x, inverseDeviation: inverse, dropout: .none, parameters, dSublayer: .single(dSublayer),
            dBias: dBias,
            LayerNormGradients(scale: dScale, shift: dShift))
        #expect(try Grid(output).distance(to: grid("output")) < 2e-6)
        #expect(try Grid(d).distance(to: grid("d_input")) < 1e-6)
        #expect(dSublayer.bits == d.bits)
        #expect(try Grid(dScale).distance(to: grid("d_weight")) < 2e-6)
        #expect(try Grid(dShift).distance(to: grid("d_bias")) < 2e-6)
        #expect(memory.isIntact)
    }

    /// A mean that is large against the deviation costs digits of the deviation, but no more than its rounding.
    @Test func largeMean() {
        let memory = GuardedMemory()
        let input = Grid(2, 100, seed: 1, deviation: 1, mean: 1000)
        let (scale, shift) = (Grid(1, 100) { _, _ in 1 }, Grid(1, 100))
        let (x, output, inverse) = (memory.matrix(input), memory.matrix(2, 100), memory.vector(2))
        addAndNormalize(
            x, bias: memory.vector(shift.values), residual: memory.matrix(Grid(2, 100)), dropout: .none,
            LayerNormParameters(
                scale: memory.matrix(scale).row(0), shift: memory.matrix(shift).row(0), epsilon: 1e-12),
            inverseDeviation: inverse, into: output)
        let right = Reference.layerNorm(input, scale: scale, shift: shift, epsilon: 1e-12)
        #expect(Grid(output).distance(to: right) < 2e-4)
    }
}
