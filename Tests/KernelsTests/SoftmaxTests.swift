import Foundation
import Kernels
import LinearAlgebra
import Testing

@Suite struct SoftmaxTests {
    /// A dropout behind the softmax and a factor before it, as attention has them.
    @Test(
        arguments: [DropoutSite.none, someDropout(.attentionProbability)].flatMap { dropout in
            cases { rows, columns in
                let mask = mask(dropout, rows, columns)
                return KernelCase(
                    name: "softmax \(rows)×\(columns)\(dropout.isActive ? " before dropout" : "")",
                    inputs: [Grid(rows, columns, seed: 1, deviation: 4)],
                    reference: { inputs in
                        Grid(
                            rows: rows, columns: columns,
                            (0..<rows).flatMap { row in
                                Reference.softmax((0..<columns).map { 0.25 * inputs[0][row, $0] })
                            }
                        ).combined(mask, *)
                    },
                    kernel: { inputs, dOutput, memory in
                        let probabilities = memory.matrix(Grid(inputs[0]).map { 0.25 * $0 })
                        softmax(probabilities)
                        softmaxBackward(
                            dOutput, probabilities: probabilities, dropout: dropout, slice: 0, firstRow: 0, scale: 0.25)
                        dropOut(probabilities, dropout, into: probabilities)
                        return (probabilities, [dOutput])
                    })
            }
        })
    func softmaxCases(_ one: KernelCase) { one.check() }

    @Test func againstPyTorch() throws {
        let golden = try Golden()
        let memory = GuardedMemory(gap: 1)
        let (x, d) = (
            memory.matrix(try golden.grid("softmax.input")), memory.matrix(try golden.grid("softmax.d_output"))
        )
        softmax(x)
        #expect(try Grid(x).distance(to: golden.grid("softmax.output")) < 2e-7)
        softmaxBackward(d, probabilities: x, dropout: .none, slice: 0, firstRow: 0, scale: 1)
        #expect(try Grid(d).distance(to: golden.grid("softmax.d_input")) < 2e-7)
        #expect(memory.isIntact)
    }

    @Test func largeScoresDoNotOverflow() {
        let memory = GuardedMemory()
        let x = memory.matrix(Grid(2, 19) { row, column in row == 0 ? 3e38 : (column == 18 ? 1e30 : -1e30) })
        softmax(x)
        for column in 0..<19 {
            #expect(abs(x[0, column] - 1 / 19) < 1e-7)
            #expect(abs(x[1, column] - (column == 18 ? 1 : 0)) < 1e-30)
        }
    }

    /// A number that is none must reach the loss, where a run notices it.
    @Test(arguments: [0, 5, 15, 16, 18]) func notANumberFillsItsRow(column: Int) {
        let memory = GuardedMemory()
        let x = memory.matrix(Grid(2, 19) { $0 == 0 && $1 == column ? .nan : 1 })
        softmax(x)
        for column in 0..<19 {
            #expect(x[0, column].isNaN)
            #expect(abs(x[1, column] - 1 / 19) < 1e-7)
        }
    }
}
