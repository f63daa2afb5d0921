import Foundation
import Kernels
import LinearAlgebra
import Testing

@Suite struct ActivationTests {
    @Test(
        arguments: Activation.allCases.flatMap { activation in
            cases { rows, columns in
                KernelCase(
                    name: "\(activation) \(rows)×\(columns)",
                    inputs: [Grid(rows, columns, seed: 1, deviation: 2), Grid(1, columns, seed: 2)],
                    reference: { inputs in
                        inputs[0].combined(inputs[1], +).map { Reference.activation($0, activation) }
                    },
                    kernel: { inputs, dOutput, memory in
                        let (output, dBias) = (memory.matrix(rows, columns), memory.matrix(1, columns))
                        activate(inputs[0], bias: inputs[1].row(0), activation, into: .single(output))
                        activateBackward(
                            dOutput, input: inputs[0], bias: inputs[1].row(0), activation, output: .single(inputs[0]),
                            dInput: .single(dOutput), dBias: dBias.row(0))
                        #expect(inputs[0].bits == output.bits)
                        return (output, [dOutput, dBias])
                    })
            }
        })
    func activation(_ one: KernelCase) { one.check() }

    @Test(
        arguments: cases { rows, columns in
            KernelCase(
                name: "tanh \(rows)×\(columns)", inputs: [Grid(rows, columns, seed: 1), Grid(1, columns, seed: 2)],
                reference: { inputs in inputs[0].combined(inputs[1], +).map { tanh($0) } },
                kernel: { inputs, dOutput, memory in
                    let dBias = memory.matrix(1, columns)
                    addBiasAndTanh(inputs[1].row(0), inputs[0])
                    tanhBackward(dOutput, output: inputs[0])
                    sumRows(dOutput, into: dBias.row(0))
                    return (inputs[0], [dOutput, dBias])
                })
        })
    func biasAndTanh(_ one: KernelCase) { one.check() }

    @Test(
        arguments: cases { rows, columns in
            KernelCase(
                name: "bias \(rows)×\(columns)", inputs: [Grid(rows, columns, seed: 1), Grid(1, columns, seed: 2)],
                reference: { $0[0].combined($0[1], +) },
                kernel: { inputs, dOutput, memory in
                    let dBias = memory.matrix(1, columns)
                    addBias(inputs[1].row(0), to: inputs[0])
                    sumRows(dOutput, into: dBias.row(0))
                    return (inputs[0], [dOutput, dBias])
                })
        })
    func bias(_ one: KernelCase) { one.check() }

    @Test(arguments: Activation.allCases)
    func activationAgainstPyTorch(_ activation: Activation) throws {
        let golden = try Golden()
        let (input, output) = try (
            golden.grid("\(activation.rawValue).input"), golden.grid("\(activation.rawValue).output")
        )
        let memory = GuardedMemory()
        let (x, y, d) = (memory.matrix(input), memory.matrix(1, 300), memory.matrix(Grid(1, 300) { _, _ in 1 }))
        let noBias = memory.vector([Double](repeating: 0, count: 300))
        activate(x, bias: noBias, activation, into: .single(y))
        activateBackward(
            d, input: x, bias: noBias, activation, output: .single(x), dInput: .single(d), dBias: memory.vector(300))
        #expect(Grid(y).distance(to: output) < 2e-6)
        // In gelu_new's the rounding of 1 − tanh² is multiplied by up to 7 where it still counts.
        let distance = Grid(d).distance(to: try golden.grid("\(activation.rawValue).derivative"))
        #expect(distance < (activation == .geluNew ? 2e-6 : 5e-7), "\(distance) away")
        #expect(memory.isIntact)
    }

    @Test func tanhAgainstPyTorch() throws {
        let golden = try Golden()
        let memory = GuardedMemory()
        let (x, d) = (memory.matrix(try golden.grid("tanh.input")), memory.matrix(Grid(1, 300) { _, _ in 1 }))
        addBiasAndTanh(memory.vector([Double](repeating: 0, count: 300)), x)
        tanhBackward(d, output: x)
        #expect(try Grid(x).distance(to: golden.grid("tanh.output")) < 2e-7)
        #expect(try Grid(d).distance(to: golden.grid("tanh.derivative")) < 5e-7)
    }

    /// A number that is none must reach the loss, where a run notices it.
    @Test func notANumberStaysOne() {
        let memory = GuardedMemory()
        let input = Grid(1, 20) { $1 % 3 == 0 ? .nan : 1 }
        let noBias = memory.vector([Double](repeating: 0, count: 20))
        for activation in Activation.allCases {
            let (x, y) = (memory.matrix(input), memory.matrix(1, 20))
            activate(x, bias: noBias, activation, into: .single(y))
            for column in 0..<20 { #expect(y[0, column].isNaN == (column % 3 == 0), "\(activation), column \(column)") }
        }
        let x = memory.matrix(input)
        addBiasAndTanh(noBias, x)
        for column in 0..<20 { #expect(x[0, column].isNaN == (column % 3 == 0), "tanh, column \(column)") }
    }
}
