import Kernels
import LinearAlgebra
import Testing

/// What kernels write as an operand in bfloat16 is what they write in single precision, rounded; all else stays the same.
@Suite struct OperandTests {
    private static let sizes = [(1, 1), (3, 15), (2, 16), (5, 37), (4, 64), (7, 131)]

    /// The bits of an operand after rounding, and the operand's memory.
    private struct Target {
        let view: OperandView
        let rounded: () -> [UInt16]
    }

    /// The two forms of a matrix that a kernel is to write.
    private func targets(_ rows: Int, _ columns: Int, _ memory: GuardedMemory) -> [Target] {
        let single = memory.matrix(rows, columns)
        let (copy, half) = (memory.bfloat16Matrix(rows, columns), memory.bfloat16Matrix(rows, columns, gap: 3))
        return [
            Target(view: .single(single)) {
                convert(single, into: copy)
                return copy.bits
            },
            Target(view: .half(half)) {
                #expect(half.gapsAreUntouched)
                return half.bits
            },
        ]
    }

    @Test(arguments: Activation.allCases, sizes) func activation(activation: Activation, size: (Int, Int)) {
        let (rows, columns) = size
        let memory = GuardedMemory(gap: 5)
        let input = memory.matrix(Grid(rows, columns, seed: 1, deviation: 2))
        let dOutput = memory.matrix(Grid(rows, columns, seed: 2))
        let bias = memory.matrix(Grid(1, columns, seed: 3)).row(0)
        let outcomes = (0..<2).map { form in
            let (first, output, dInput) = (
                targets(rows, columns, memory)[form], targets(rows, columns, memory)[form],
                targets(rows, columns, memory)[form]
            )
            let dBias = memory.vector(columns)
            activate(input, bias: bias, activation, into: first.view)
            activateBackward(
                dOutput, input: input, bias: bias, activation, output: output.view, dInput: dInput.view, dBias: dBias)
            #expect(output.rounded() == first.rounded())
            return (output.rounded(), dInput.rounded(), dBias.bits)
        }
        #expect(outcomes[0] == outcomes[1])
        #expect(memory.isIntact)
    }

    @Test(arguments: [DropoutSite.none, someDropout(.layerOutput)], sizes)
    func layerNorm(dropout: DropoutSite, size: (Int, Int)) {
        let (rows, columns) = size
        let memory = GuardedMemory(gap: 5)
        let (scale, shift) = (Grid(1, columns, seed: 4), Grid(1, columns, seed: 5))
        let parameters = LayerNormParameters(
            scale: memory.matrix(scale).row(0), shift: memory.matrix(shift).row(0), epsilon: 1e-3)
        let normalized = memory.matrix(Grid(rows, columns, seed: 1))
        let inverse = memory.vector((0..<rows).map { 1 + Double($0) })
        let outcomes = (0..<2).map { form in
            let (target, dOutput) = (
                targets(rows, columns, memory)[form], memory.matrix(Grid(rows, columns, seed: 2))
            )
            let vectors = (0..<3).map { _ in memory.vector(columns) }
            addAndNormalizeBackward(
                dOutput, normalized: normalized, inverseDeviation: inverse, dropout: dropout, parameters,
                dSublayer: target.view, dBias: vectors[0], LayerNormGradients(scale: vectors[1], shift: vectors[2]))
            return (target.rounded(), [dOutput.bits] + vectors.map(\.bits))
        }
        #expect(outcomes[0] == outcomes[1])
        #expect(memory.isIntact)
    }

    @Test(arguments: [Attention.Queries.all, .first], [4, 16, 20, 64])
    func attention(queries: Attention.Queries, headSize: Int) {
        let (offsets, hidden) = ([4, 5, 25, 62], 3 * headSize)
        let tokens = 58
        let rows = queries == .all ? tokens : 3
        let memory = GuardedMemory(gap: 5)
        let attention = Attention(
            headCount: 3, headSize: headSize, queries: queries, dropout: someDropout(.attentionProbability))
        let projections = AttentionProjections(
            query: memory.matrix(Grid(rows, hidden, seed: 1)),
            keyValue: memory.matrix(Grid(tokens, 2 * hidden, seed: 2)))
        let bias = memory.matrix(Grid(1, 3 * hidden, seed: 3)).row(0)
        let dContext = memory.matrix(Grid(rows, hidden, seed: 4))
        let (context, scratch) = (memory.matrix(rows, hidden), GrowingBuffer())
        let statistics = memory.vector(Attention.statisticsCount(headCount: 3, offsets[...]))
        attention.forward(
            projections, bias: bias, sequenceOffsets: offsets[...], statistics: statistics, into: context,
            scratch: scratch)
        let outcomes = (0..<2).map { form in
            let (dQuery, dKeyValue) = (
                targets(rows, hidden, memory)[form], targets(tokens, 2 * hidden, memory)[form]
            )
            let dBias = memory.vector(3 * hidden)
            attention.backward(
                dContext, context: context, projections: projections, bias: bias, sequenceOffsets: offsets[...],
                statistics: statistics, into: AttentionProjections(query: dQuery.view, keyValue: dKeyValue.view),
                dBias: dBias, scratch: scratch)
            return (dQuery.rounded(), dKeyValue.rounded(), dBias.bits)
        }
        #expect(outcomes[0] == outcomes[1])
        #expect(memory.isIntact)
    }
}

extension BFloat16View {
    fileprivate var bits: [UInt16] { (0..<rows).flatMap { row in (0..<columns).map { self[row, $0] } } }
}
