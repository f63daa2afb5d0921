import Kernels
import LinearAlgebra
import Testing

/// A shape of attention: heads, their size, the sequences' lengths, and where in a packed batch the shard begins.
struct AttentionShape: Sendable, CustomTestStringConvertible {
    let headCount: Int
    let headSize: Int
    let lengths: [Int]
    var firstRow = 0
    var probability: Float = 0

    var tokens: Int { lengths.reduce(0, +) }
    var hiddenSize: Int { headCount * headSize }
    /// Boundaries of a batch of which the shard is the end.
    var offsets: ArraySlice<Int> {
        var all = firstRow > 0 ? [0, firstRow] : [0]
        for length in lengths { all.append(all[all.count - 1] + length) }
        return all[(firstRow > 0 ? 1 : 0)...]
    }
    var attention: Attention { attention(of: .all) }

    func attention(of queries: Attention.Queries) -> Attention {
        Attention(
            headCount: headCount, headSize: headSize, queries: queries,
            dropout: someDropout(.attentionProbability, probability: probability))
    }
    var testDescription: String {
        "\(headCount) heads of \(headSize), lengths \(lengths) from row \(firstRow), dropout \(probability)"
    }

    /// What the dropout multiplies each probability by, for one sequence and attention head.
    ///
    /// Scores of zero make all probabilities equal and values of a unit matrix lay them open, `headSize` columns at a time.
    func mask(sequence: Int, head: Int) -> Grid {
        let (length, start) = (lengths[sequence], lengths[..<sequence].reduce(0, +))
        var mask = Grid(length, length)
        for first in stride(from: 0, to: length, by: headSize) {
            let memory = GuardedMemory()
            var projections = Grid(tokens, 3 * hiddenSize)
            for column in 0..<min(headSize, length - first) {
                projections[start + first + column, 2 * hiddenSize + head * headSize + column] = 1
            }
            let context = memory.matrix(tokens, hiddenSize)
            attention.forward(
                AttentionProjections(memory.matrix(projections)), bias: noBias(memory), sequenceOffsets: offsets,
                statistics: statistics(memory), into: context, scratch: usedScratch())
            for row in 0..<length {
                for column in 0..<min(headSize, length - first) {
                    mask[row, first + column] = Double(context[start + row, head * headSize + column]) * Double(length)
                }
            }
        }
        return mask
    }

    func noBias(_ memory: GuardedMemory) -> VectorView { memory.vector([Double](repeating: 0, count: 3 * hiddenSize)) }

    func statistics(_ memory: GuardedMemory) -> VectorView {
        memory.vector(Attention.statisticsCount(headCount: headCount, offsets))
    }
}

@Suite struct AttentionTests {
    private static let shapes = [
        AttentionShape(headCount: 1, headSize: 1, lengths: [1]),
        AttentionShape(headCount: 1, headSize: 16, lengths: [1, 2, 3]),
        AttentionShape(headCount: 3, headSize: 7, lengths: [5, 1, 17], firstRow: 9),
        AttentionShape(headCount: 2, headSize: 32, lengths: [16, 33, 64]),
        AttentionShape(headCount: 4, headSize: 8, lengths: [7, 37, 1, 50], firstRow: 100),
        AttentionShape(headCount: 1, headSize: 8, lengths: [130, 4]),
        AttentionShape(headCount: 2, headSize: 8, lengths: [100, 16], firstRow: 3),
        AttentionShape(headCount: 1, headSize: 12, lengths: [67, 64]),
        AttentionShape(headCount: 1, headSize: 64, lengths: [20, 31]),
        AttentionShape(headCount: 1, headSize: 48, lengths: [18]),
        AttentionShape(headCount: 5, headSize: 64, lengths: [66, 1]),
    ]

    @Test(
        arguments: [Float(0), 0.3].flatMap { probability in
            [0, 3].flatMap { gap in
                shapes.map { shape in
                    var shape = shape
                    shape.probability = probability
                    return attentionCase(shape, gap: gap)
                }
            }
        })
    func attention(_ one: KernelCase) { one.check() }

    private static func attentionCase(_ shape: AttentionShape, gap: Int) -> KernelCase {
        let (heads, size, hidden) = (shape.headCount, shape.headSize, shape.hiddenSize)
        let masks = shape.lengths.indices.map { sequence in
            (0..<heads).map { shape.mask(sequence: sequence, head: $0) }
        }
        return KernelCase(
            name: shape.testDescription,
            inputs: [Grid(shape.tokens, 3 * hidden, seed: 1), Grid(1, 3 * hidden, seed: 2)],
            reference: { inputs in
                let projections = inputs[0].combined(inputs[1], +)
                var context = Grid(shape.tokens, hidden)
                var start = 0
                for (sequence, length) in shape.lengths.enumerated() {
                    for head in 0..<heads {
                        let parts = (0..<3).map { part in
                            let first = part * hidden + head * size
                            return projections.rows(start..<start + length, columns: first..<first + size)
                        }
                        let own = Reference.attention(
                            query: parts[0], key: parts[1], value: parts[2], mask: masks[sequence][head])
                        for row in 0..<length {
                            for column in 0..<size { context[start + row, head * size + column] = own[row, column] }
                        }
                    }
                    start += length
                }
                return context
            },
            kernel: { inputs, dOutput, memory in
                let (context, dProjections) = (
                    memory.matrix(shape.tokens, hidden), memory.matrix(shape.tokens, 3 * hidden)
                )
                let (statistics, scratch) = (shape.statistics(memory), usedScratch())
                let (bias, dBias) = (inputs[1].row(0), memory.matrix(1, 3 * hidden))
                shape.attention.forward(
                    AttentionProjections(inputs[0]), bias: bias, sequenceOffsets: shape.offsets,
                    statistics: statistics, into: context, scratch: scratch)
                shape.attention.backward(
                    dOutput, context: context, projections: AttentionProjections(inputs[0]), bias: bias,
                    sequenceOffsets: shape.offsets, statistics: statistics,
                    into: AttentionProjections(.single(dProjections)), dBias: dBias.row(0), scratch: scratch)
                return (context, [dProjections, dBias])
            }, gap: gap)
    }

    @Test func againstPyTorch() throws {
        let golden = try Golden()
        func grid(_ name: String) throws -> Grid { try golden.grid("attention." + name) }
        let memory = GuardedMemory(gap: 1)
        let (projections, context) = (memory.matrix(try grid("projections")), memory.matrix(21, 24))
        let attention = Attention(headCount: Int(try golden.number("attention.heads")), headSize: 12, dropout: .none)
        let statistics = memory.vector(Attention.statisticsCount(headCount: 2, [0, 21]))
        let (scratch, dProjections) = (usedScratch(), memory.matrix(21, 72))
        let noBias = memory.vector([Double](repeating: 0, count: 72))
        attention.forward(
            AttentionProjections(projections), bias: noBias, sequenceOffsets: [0, 21], statistics: statistics,
            into: context, scratch: scratch
        )
        attention.backward(
            memory.matrix(try grid("d_context")), context: context, projections: AttentionProjections(projections),
            bias: noBias, sequenceOffsets: [0, 21], statistics: statistics,
            into: AttentionProjections(.single(dProjections)),
            dBias: memory.vector(72), scratch: scratch)
        #expect(try Grid(context).distance(to: grid("context")) < 1e-6)
        #expect(try Grid(dProjections).distance(to: grid("d_projections")) < 2e-6)
        #expect(memory.isIntact)
    }

    /// Masks differ from head to head and from sequence to sequence, and drop the right share.
    @Test func masksOfHeadsAndSequences() {
        let shape = AttentionShape(headCount: 3, headSize: 32, lengths: [64, 64], probability: 0.5)
        let masks = (0..<6).map { shape.mask(sequence: $0 / 3, head: $0 % 3) }
        for first in masks.indices {
            let dropped = masks[first].values.count { $0 == 0 }
            #expect(abs(Double(dropped) - 2048) < 5 * 1024.0.squareRoot())
            for second in masks.indices where second > first {
                let same = zip(masks[first].values, masks[second].values).count { ($0 == 0) == ($1 == 0) }
                #expect(abs(Double(same) - 2048) < 5 * 1024.0.squareRoot(), "masks \(first) and \(second)")
            }
        }
    }

    /// A sequence's context does not depend on what other sequences hold.
    @Test func sequencesDoNotSeeEachOther() {
        let shape = AttentionShape(headCount: 2, headSize: 8, lengths: [5, 9, 3], probability: 0.3)
        let (same, other) = (Grid(17, 48, seed: 1), Grid(17, 48, seed: 2))
        func middle(_ projections: Grid) -> [UInt32] {
            let memory = GuardedMemory()
            let context = memory.matrix(17, 16)
            shape.attention.forward(
                AttentionProjections(memory.matrix(projections)), bias: shape.noBias(memory),
                sequenceOffsets: shape.offsets,
                statistics: shape.statistics(memory), into: context, scratch: usedScratch())
            return context.rows(5..<14).bits
        }
        let mixed = Grid(17, 48) { row, column in (5..<14).contains(row) ? same[row, column] : other[row, column] }
        #expect(middle(same) == middle(mixed))
        #expect(middle(same) != middle(other))
    }

    /// A sequence has the same bits alone in a shard as behind others, forward and backward, where nothing is dropped.
    @Test(arguments: [1, 6, 17, 70]) func bitsDoNotDependOnOthers(length: Int) {
        func bits(_ lengths: [Int]) -> [UInt32] {
            let shape = AttentionShape(headCount: 3, headSize: 20, lengths: lengths)
            let (memory, start) = (GuardedMemory(), shape.tokens - length)
            let own = (Grid(length, 180, seed: 1), Grid(length, 60, seed: 2))
            func placed(_ grid: Grid) -> MatrixView {
                memory.matrix(Grid(shape.tokens, grid.columns) { $0 < start ? 0.5 : grid[$0 - start, $1] })
            }
            let (projections, dContext) = (placed(own.0), placed(own.1))
            let (context, dProjections) = (memory.matrix(shape.tokens, 60), memory.matrix(shape.tokens, 180))
            let (statistics, scratch) = (shape.statistics(memory), usedScratch())
            shape.attention.forward(
                AttentionProjections(projections), bias: shape.noBias(memory), sequenceOffsets: shape.offsets,
                statistics: statistics,
                into: context, scratch: scratch)
            shape.attention.backward(
                dContext, context: context, projections: AttentionProjections(projections),
                bias: shape.noBias(memory), sequenceOffsets: shape.offsets, statistics: statistics,
                into: AttentionProjections(.single(dProjections)), dBias: memory.vector(180), scratch: scratch)
            let rows = start..<shape.tokens
            return context.rows(rows).bits + dProjections.rows(rows).bits
        }
        #expect(bits([length]) == bits([3, 200, length]))
    }

    /// Computed for the first query of each sequence alone, context and gradients have the bits that they have where the others'
    /// gradients are zero.
    @Test(arguments: shapes, [Float(0), 0.3]) func firstQueries(shape: AttentionShape, probability: Float) {
        var shape = shape
        shape.probability = probability
        let (memory, hidden) = (GuardedMemory(gap: 3), shape.hiddenSize)
        let starts = shape.offsets.dropLast().map { $0 - (shape.offsets.first ?? 0) }
        let (all, slopes) = (Grid(shape.tokens, 3 * hidden, seed: 1), Grid(shape.tokens, hidden, seed: 2))
        let bias = memory.vector((0..<3 * hidden).map { Double($0 % 5) - 2 })
        func bits(_ attention: Attention, _ input: AttentionProjections<MatrixView>, _ dContext: MatrixView)
            -> [[UInt32]]
        {
            let (queries, context) = (dContext.rows, memory.matrix(dContext.rows, hidden))
            let (statistics, scratch) = (shape.statistics(memory), usedScratch())
            let (dQuery, dKeyValue) = (memory.matrix(queries, hidden), memory.matrix(shape.tokens, 2 * hidden))
            let dBias = memory.matrix(1, 3 * hidden)
            attention.forward(
                input, bias: bias, sequenceOffsets: shape.offsets, statistics: statistics, into: context,
                scratch: scratch)
            attention.backward(
                dContext, context: context, projections: input, bias: bias, sequenceOffsets: shape.offsets,
                statistics: statistics,
                into: AttentionProjections(query: .single(dQuery), keyValue: .single(dKeyValue)),
                dBias: dBias.row(0), scratch: scratch)
            let rows = queries == shape.tokens ? starts : Array(0..<queries)
            return rows.map { context.rows($0..<$0 + 1).bits + dQuery.rows($0..<$0 + 1).bits }
                + [dKeyValue.bits, dBias.bits]
        }
        let expected = bits(
            shape.attention, AttentionProjections(memory.matrix(all)),
            memory.matrix(Grid(shape.tokens, hidden) { starts.contains($0) ? slopes[$0, $1] : 0 }))
        let first = AttentionProjections(
            query: memory.matrix(Grid(starts.count, hidden) { all[starts[$0], $1] }),
            keyValue: memory.matrix(Grid(shape.tokens, 2 * hidden) { all[$0, hidden + $1] }))
        let own = bits(
            shape.attention(of: .first), first, memory.matrix(Grid(starts.count, hidden) { slopes[starts[$0], $1] }))
        #expect(own.map { $0.map(withoutSignOfZero) } == expected.map { $0.map(withoutSignOfZero) })
        #expect(memory.isIntact)
    }

    /// A number that is none must reach the loss, where a run notices it: from a key or value all contexts of its sequence,
    /// from a query its own.
    @Test(arguments: [0, 8, 16]) func notANumberSpreads(part: Int) {
        let shape = AttentionShape(headCount: 2, headSize: 4, lengths: [18, 3])
        let memory = GuardedMemory()
        let projections = memory.matrix(Grid(21, 24, seed: 1))
        projections[17, part + 5] = .nan
        let context = memory.matrix(21, 8)
        shape.attention.forward(
            AttentionProjections(projections), bias: shape.noBias(memory), sequenceOffsets: shape.offsets,
            statistics: shape.statistics(memory), into: context, scratch: usedScratch())
        for row in 0..<21 {
            let touched = part == 0 ? row == 17 : row < 18
            for column in 0..<8 {
                let own = part == 16 ? column == 5 : column >= 4
                #expect(context[row, column].isNaN == (touched && own), "row \(row), column \(column)")
            }
        }
    }

    /// Exponents far beyond the range of single precision, of both signs.
    @Test func largeScoresDoNotOverflow() {
        let shape = AttentionShape(headCount: 1, headSize: 16, lengths: [19])
        let memory = GuardedMemory()
        let projections = memory.matrix(
            Grid(19, 48) { row, column in
                if column >= 32 { return Double(row) }
                return column % 16 == 0 ? (row == 7 ? 1e15 : -1e15) : 0
            })
        let context = memory.matrix(19, 16)
        shape.attention.forward(
            AttentionProjections(projections), bias: shape.noBias(memory), sequenceOffsets: shape.offsets,
            statistics: shape.statistics(memory), into: context, scratch: usedScratch())
        // Query and key of row 7 are positive: it sees itself alone, the others all but it.
        for row in 0..<19 { #expect(abs(context[row, 0] - (row == 7 ? 7 : (171 - 7) / 18)) < 1e-5, "row \(row)") }
    }

    @Test func countsStatistics() {
        #expect(Attention.statisticsCount(headCount: 3, [0, 2, 2, 19]) == 3 * 2 * (16 + 32))
        #expect(Attention.statisticsCount(headCount: 3, [4]) == 0)
        #expect(Attention.statisticsCount(headCount: 3, []) == 0)
    }
}

/// Scratch memory that somebody left not-a-numbers in.
private func usedScratch() -> GrowingBuffer {
    let scratch = GrowingBuffer()
    scratch.vector(100_000).fill(.nan)
    return scratch
}

private func withoutSignOfZero(_ bits: UInt32) -> UInt32 { bits == 1 << 31 ? 0 : bits }
