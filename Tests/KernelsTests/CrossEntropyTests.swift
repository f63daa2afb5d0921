import Foundation
import Kernels
import LinearAlgebra
import Testing

@Suite struct CrossEntropyTests {
    @Test(
        arguments: cases(widths: [1, 2, 3, 5, 17, 50]) { rows, columns in
            let labels = (0..<rows).map { ($0 * 7 + 1) % columns }
            return KernelCase(
                name: "cross-entropy of \(rows) examples, \(columns) labels",
                inputs: [Grid(rows, columns, seed: 1, deviation: 3)],
                reference: { inputs in
                    Grid(1, 1) { _, _ in
                        0.3
                            * labels.indices.reduce(0) { sum, row in
                                let probabilities = Reference.softmax((0..<columns).map { inputs[0][row, $0] })
                                return sum - log(probabilities[labels[row]])
                            }
                    }
                },
                kernel: { inputs, dOutput, memory in
                    let losses = crossEntropy(inputs[0], labels: labels, weight: 0.3 * Double(dOutput[0, 0]))
                    return (memory.matrix(Grid(1, 1) { _, _ in 0.3 * losses.reduce(0, +) }), [inputs[0]])
                })
        })
    func crossEntropyCases(_ one: KernelCase) { one.check() }

    /// −Σ target · ln softmax, with the targets as PyTorch's `cross_entropy(weight:label_smoothing:)` defines them.
    @Test(
        arguments: cases(widths: [2, 3, 5, 17]) { rows, columns in
            let labels = (0..<rows).map { ($0 * 7 + 1) % columns }
            let weights = (0..<columns).map { 0.5 + 0.25 * Double($0) }
            return KernelCase(
                name: "smoothed and weighted cross-entropy of \(rows) examples, \(columns) labels",
                inputs: [Grid(rows, columns, seed: 5, deviation: 3)],
                reference: { inputs in
                    Grid(1, 1) { _, _ in
                        var sum = 0.0
                        for row in labels.indices {
                            let probabilities = Reference.softmax((0..<columns).map { inputs[0][row, $0] })
                            let entropies = zip(weights, probabilities).map { -$0 * log($1) }
                            sum += 0.8 * entropies[labels[row]] + 0.2 / Double(columns) * entropies.reduce(0, +)
                        }
                        return 0.3 * sum
                    }
                },
                kernel: { inputs, dOutput, memory in
                    let losses = crossEntropy(
                        inputs[0], labels: labels, targets: LabelTargets(smoothing: 0.2, classWeights: weights),
                        weight: 0.3 * Double(dOutput[0, 0]))
                    return (memory.matrix(Grid(1, 1) { _, _ in 0.3 * losses.reduce(0, +) }), [inputs[0]])
                })
        })
    func targetCases(_ one: KernelCase) { one.check() }

    @Test(arguments: [2, 3, 5]) func againstPyTorch(classes: Int) throws {
        let golden = try Golden()
        func grid(_ name: String) throws -> Grid { try golden.grid("cross_entropy.\(classes).\(name)") }
        let memory = GuardedMemory()
        let logits = memory.matrix(try grid("logits"))
        let labels = try grid("labels").values.map { Int($0) }
        let rows = (0..<logits.rows).map { row in logits.row(row).array.map(Double.init) }
        let losses = crossEntropy(logits, labels: labels, weight: 1 / Double(labels.count))
        let right = try grid("losses").values
        for row in labels.indices {
            #expect(abs(losses[row] - right[row]) < 1e-6)
            #expect(losses[row] == crossEntropy(rows[row], label: labels[row]))
        }
        let mean = try golden.number("cross_entropy.\(classes).mean")
        #expect(abs(losses.reduce(0, +) / Double(labels.count) - mean) < 1e-6)
        #expect(try Grid(logits).distance(to: grid("d_logits")) < 1e-7)
        #expect(memory.isIntact)
    }

    /// Labels outside of the columns end the program in every build.
    @Test func wrongLabelsStop() async {
        await #expect(processExitsWith: .failure) {
            let buffer = FloatBuffer(count: 6)
            _ = crossEntropy(buffer.view.matrix(rows: 2, columns: 3), labels: [0, 3], weight: 1)
        }
        await #expect(processExitsWith: .failure) {
            let buffer = FloatBuffer(count: 6)
            _ = crossEntropy(buffer.view.matrix(rows: 2, columns: 3), labels: [-1, 0], weight: 1)
        }
    }

    @Test func farApartLogits() {
        #expect(crossEntropy([1000, -1000], label: 0) == 0)
        #expect(crossEntropy([1000, -1000], label: 1) == 2000)
        #expect(softmax([1e300, 0]) == [1, 0])
        #expect(crossEntropy([.nan, 0], label: 1).isNaN)
        #expect(crossEntropy([0, .nan], label: 0).isNaN)
    }
}
