import Kernels
import LinearAlgebra
import Testing

@Suite struct PoolingTests {
    /// Sequences of 1, 2, 3, … rows, the last one of what is left.
    private static func offsets(_ rows: Int) -> [Int] {
        var offsets = [0]
        while offsets[offsets.count - 1] < rows {
            offsets.append(min(rows, offsets[offsets.count - 1] + offsets.count))
        }
        return offsets
    }

    @Test(
        arguments: cases(widths: [1, 5, 16, 33, 384]) { rows, columns in
            let offsets = offsets(rows)
            return KernelCase(
                name: "means of \(offsets.count - 1) sequences of \(rows) rows, \(columns) columns",
                inputs: [Grid(rows, columns, seed: 1)],
                reference: { inputs in
                    Grid(offsets.count - 1, columns) { sequence, column in
                        let bounds = offsets[sequence]..<offsets[sequence + 1]
                        return bounds.reduce(0) { $0 + inputs[0][$1, column] } / Double(bounds.count)
                    }
                },
                kernel: { inputs, dOutput, memory in
                    let means = memory.matrix(dOutput.rows, columns)
                    meanRows(inputs[0], sequenceOffsets: offsets[...], into: means)
                    let dRows = memory.matrix(rows, columns)
                    meanRowsBackward(dOutput, sequenceOffsets: offsets[...], into: dRows)
                    return (means, [dRows])
                })
        })
    func meanCases(_ one: KernelCase) { one.check() }

    @Test func sequencesMustCoverTheRows() async {
        await #expect(processExitsWith: .failure) {
            let buffer = FloatBuffer(count: 12)
            let rows = buffer.view.slice(0..<8).matrix(rows: 4, columns: 2)
            meanRows(rows, sequenceOffsets: [0, 2, 2, 4], into: FloatBuffer(count: 6).view.matrix(rows: 3, columns: 2))
        }
    }
}
