import Foundation
import Kernels
import LinearAlgebra
import Testing

@Suite struct OtherLossTests {
    @Test(
        arguments: cases(widths: [1, 2, 5, 17, 50]) { rows, columns in
            @Sendable func isSet(_ row: Int, _ column: Int) -> Bool { (row * 5 + column * 3) % 4 == 1 }
            return KernelCase(
                name: "binary cross-entropy of \(rows) examples, \(columns) labels",
                inputs: [Grid(rows, columns, seed: 1, deviation: 4)],
                reference: { inputs in
                    let losses = (0..<rows * columns).map { place in
                        let x = inputs[0].values[place]
                        let probability = 1 / (1 + exp(-x))
                        return -log(isSet(place / columns, place % columns) ? probability : 1 - probability)
                    }
                    return Grid(1, 1) { _, _ in 0.3 * losses.reduce(0, +) / Double(columns) }
                },
                kernel: { inputs, dOutput, memory in
                    let losses = binaryCrossEntropy(inputs[0], weight: 0.3 * Double(dOutput[0, 0]), isSet: isSet)
                    return (memory.matrix(Grid(1, 1) { _, _ in 0.3 * losses.reduce(0, +) }), [inputs[0]])
                })
        })
    func binaryCases(_ one: KernelCase) { one.check() }

    @Test(
        arguments: cases(widths: [1]) { rows, _ in
            let targets = (0..<rows).map { Float($0) * 0.5 - 1 }
            return KernelCase(
                name: "squared error of \(rows) examples", inputs: [Grid(rows, 1, seed: 2)],
                reference: { inputs in
                    let errors = zip(inputs[0].values, targets).map { pow($0 - Double($1), 2) }
                    return Grid(1, 1) { _, _ in 0.3 * errors.reduce(0, +) }
                },
                kernel: { inputs, dOutput, memory in
                    let losses = squaredError(inputs[0], targets: targets, weight: 0.3 * Double(dOutput[0, 0]))
                    return (memory.matrix(Grid(1, 1) { _, _ in 0.3 * losses.reduce(0, +) }), [inputs[0]])
                })
        })
    func squaredCases(_ one: KernelCase) { one.check() }

    @Test func farApartLogits() {
        #expect(binaryCrossEntropy([1000], labels: [true]) == 0)
        #expect(binaryCrossEntropy([1000, -1000], labels: [false, false]) == 500)
        #expect(sigmoid(-1000) == 0 && sigmoid(1000) == 1 && sigmoid(0) == 0.5)
        #expect(binaryCrossEntropy([.nan], labels: [true]).isNaN)
    }
}
