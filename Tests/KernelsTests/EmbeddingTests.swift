import Kernels
import LinearAlgebra
import Testing

@Suite struct EmbeddingTests {
    /// Tokens of three shards, the middle one empty; some table rows are taken often, one by one shard only, one never.
    private static let rows = EmbeddingRows(
        words: [3, 0, 3, 5, 1, 3, 0], positions: [0, 1, 2, 0, 1, 2, 3], tokenTypes: [0, 0, 1, 0, 0, 1, 1])
    private static let shardOffsets = [0, 3, 3, 7]

    @Test(
        arguments: [(DropoutSite.none, false), (someDropout(.embedding), false), (someDropout(.embedding), true)]
            .flatMap {
                (dropout, moves) in
                cases { _, columns in
                    let mask = mask(dropout, rows.words.count, columns)
                    return KernelCase(
                        name:
                            "embedding of width \(columns)\(moves ? ", moved" : "")\(dropout.isActive ? ", before dropout" : "")",
                        inputs: [
                            Grid(6, columns, seed: 1), Grid(5, columns, seed: 2), Grid(2, columns, seed: 3),
                            Grid(1, columns, seed: 4, deviation: 0.5, mean: 1), Grid(1, columns, seed: 5),
                        ] + (moves ? [Grid(rows.words.count, columns, seed: 6)] : []),
                        reference: { inputs in
                            let sum = Grid(rows.words.count, columns) { token, column in
                                inputs[0][Int(rows.words[token]), column]
                                    + inputs[1][Int(rows.positions[token]), column]
                                    + inputs[2][Int(rows.tokenTypes[token]), column]
                                    + (moves ? inputs[5][token, column] : 0)
                            }
                            return Reference.layerNorm(sum, scale: inputs[3], shift: inputs[4], epsilon: 1e-3)
                                .combined(mask, *)
                        },
                        kernel: { embedAndBack($0, $1, $2, dropout) })
                }
            })
    func embedding(_ one: KernelCase) { one.check() }

    private static func embedAndBack(
        _ inputs: [MatrixView], _ dOutput: MatrixView, _ memory: GuardedMemory, _ dropout: DropoutSite
    ) -> (output: MatrixView, gradients: [MatrixView]) {
        let (count, columns) = (rows.words.count, dOutput.columns)
        let parameters = LayerNormParameters(scale: inputs[3].row(0), shift: inputs[4].row(0), epsilon: 1e-3)
        let (normalized, inverse) = (memory.matrix(count, columns), memory.vector(count))
        let output = memory.matrix(count, columns)
        embed(
            rows, 0..<count, EmbeddingTables(words: inputs[0], positions: inputs[1], tokenTypes: inputs[2]), parameters,
            moves: inputs.count > 5 ? inputs[5] : nil, dropout: dropout, normalized: normalized,
            inverseDeviation: inverse, into: output)
        let (dScale, dShift) = (memory.matrix(1, columns), memory.matrix(1, columns))
        embedBackward(
            dOutput, normalized: normalized, inverseDeviation: inverse, dropout: dropout, parameters,
            LayerNormGradients(scale: dScale.row(0), shift: dShift.row(0)))
        let gradients = zip(inputs[..<3], [rows.words, rows.positions, rows.tokenTypes]).map { table, indices in
            let gradient = memory.matrix(Grid(table.rows, columns))
            _ = scatterAdd(
                dOutput, indices: indices, shardOffsets: shardOffsets, into: gradient, scratch: GrowingBuffer())
            return gradient
        }
        return (output, gradients + [dScale, dShift] + (inputs.count > 5 ? [dOutput] : []))
    }

    /// A range that starts behind the first token takes that range's ids, and draws its mask from its own first row.
    @Test func laterRange() {
        let memory = GuardedMemory(gap: 2)
        let tables = EmbeddingTables(
            words: memory.matrix(Grid(6, 20, seed: 1)), positions: memory.matrix(Grid(5, 20, seed: 2)),
            tokenTypes: memory.matrix(Grid(2, 20, seed: 3)))
        let parameters = LayerNormParameters(
            scale: memory.matrix(Grid(1, 20, seed: 4)).row(0), shift: memory.matrix(Grid(1, 20, seed: 5)).row(0),
            epsilon: 1e-12)
        func run(_ rows: EmbeddingRows, _ range: Range<Int>) -> [UInt32] {
            let output = memory.matrix(range.count, 20)
            embed(
                rows, range, tables, parameters, dropout: someDropout(.embedding),
                normalized: memory.matrix(range.count, 20), inverseDeviation: memory.vector(range.count), into: output)
            return output.bits
        }
        let tail = EmbeddingRows(
            words: Array(Self.rows.words[3...]), positions: Array(Self.rows.positions[3...]),
            tokenTypes: Array(Self.rows.tokenTypes[3...]))
        #expect(run(Self.rows, 3..<7) == run(tail, 0..<4))
        #expect(run(Self.rows, 2..<2) == [])
        #expect(memory.isIntact)
    }

    /// The bits are those of the dense way: each shard's table summed from zero in token order, then the tree over shards.
    @Test(arguments: [1, 2, 3, 5, 8, 13], [0, 3]) func scatterIsTheTreeOfDenseSums(shards: Int, gap: Int) {
        let memory = GuardedMemory(gap: gap)
        var random = TestRandom(seed: UInt64(shards))
        let (tokens, tableRows, columns) = (40, 12, 21)
        let cuts = (0..<shards - 1).map { _ in Int.random(in: 0...tokens, using: &random) }.sorted()
        let offsets = [0] + cuts + [tokens]
        let indices = (0..<tokens).map { _ in Int32.random(in: 0..<Int32(tableRows - 1), using: &random) }
        var values = Grid(tokens, columns, seed: 3)
        // Negative zeros, which must come out as the dense sum has them: positive.
        for token in 0..<tokens where indices[token] == 4 {
            for column in 0..<columns { values[token, column] = -0.0 }
        }
        let dTokens = memory.matrix(values)
        let gradient = memory.matrix(tableRows, columns)
        let touched = scatterAdd(
            dTokens, indices: indices, shardOffsets: offsets, into: gradient, scratch: GrowingBuffer())
        #expect(touched == Set(indices).sorted())
        #expect(memory.isIntact)

        let dense = memory.matrix(Grid(shards, tableRows * columns))
        for shard in 0..<shards {
            for token in offsets[shard]..<offsets[shard + 1] {
                for column in 0..<columns {
                    dense[shard, Int(indices[token]) * columns + column] += dTokens[token, column]
                }
            }
        }
        let sum = memory.vector(tableRows * columns)
        treeSum(dense, into: sum)
        for row in 0..<tableRows {
            let own = gradient.row(row)
            if touched.contains(Int32(row)) {
                #expect(own.bits == sum.slice(row * columns..<(row + 1) * columns).bits, "row \(row)")
            } else {
                #expect(own.array.allSatisfy { $0.isNaN }, "row \(row) was written")
            }
        }
    }

    @Test func noTokens() {
        let memory = GuardedMemory()
        let gradient = memory.matrix(3, 5)
        let touched = scatterAdd(
            memory.matrix(0, 5), indices: [], shardOffsets: [0, 0, 0], into: gradient, scratch: GrowingBuffer())
        #expect(touched.isEmpty)
        #expect(Grid(gradient).values.allSatisfy { $0.isNaN })
    }
}
