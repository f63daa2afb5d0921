import LinearAlgebra
import Testing

/// Products by the register tiles, against sums in Double and against themselves.
@Suite struct TiledProductTests {
    /// Around the sizes of panels, blocks and pieces of a sum, and of models.
    private static let sizes = [
        (1, 1, 1), (1, 37, 16), (2, 3, 5), (3, 8, 31), (4, 9, 32), (5, 16, 33), (8, 7, 64), (11, 50, 100),
        (12, 20, 128),
        (13, 24, 129), (16, 5, 160), (25, 768, 33), (7, 769, 40), (481, 17, 9), (960, 8, 50), (0, 4, 5), (4, 5, 0),
        (7, 0, 5), (83, 312, 150), (50, 1540, 70),
    ].map(ProductSize.init)

    @Test(arguments: sizes, [0, 5]) func againstANaiveProduct(size: ProductSize, gap: Int) {
        let scratch = ProductScratch()
        for operand in [Operand.asIs, .transposed] {
            for adds in [false, true] {
                let memory = GuardedMemory(gap: gap)
                let (left, right) = (Grid(size.m, size.k, seed: 1), Grid(size.k, size.n, seed: 2))
                let before = Grid(size.m, size.n, seed: 3)
                // Where nothing is added, nothing of what was there may count, not even NaN.
                let result = adds ? memory.matrix(before) : memory.matrix(size.m, size.n)
                multiply(
                    memory.matrix(left), memory.matrix(operand == .asIs ? right : right.transposed), operand,
                    into: result, adds: adds, scratch: scratch)
                let worst = worstError(result, size, left: { left[$0, $1] }, right: right, before: adds ? before : nil)
                #expect(worst == 0, "\(operand), adds \(adds): \(worst) away")
                #expect(memory.isIntact, "memory outside of the views was written")
            }
        }
    }

    /// A row has the same bits alone, among others, and wherever it stands.
    @Test(arguments: [(384, 1152), (1536, 384), (50, 37), (312, 1200)], [Operand.asIs, .transposed])
    func rowsAreIndependent(size: (k: Int, n: Int), operand: Operand) {
        let (rows, scratch) = (530, ProductScratch())
        let memory = FloatBuffer(count: rows * size.k + size.k * size.n)
        Philox(key: 3).fillNormal(memory.view, stream: 0, deviation: 1)
        let left = memory.view.slice(0..<rows * size.k).matrix(rows: rows, columns: size.k)
        let rest = memory.view.slice(rows * size.k..<memory.view.count)
        let right =
            operand == .asIs
            ? rest.matrix(rows: size.k, columns: size.n) : rest.matrix(rows: size.n, columns: size.k)
        let (whole, part) = (FloatBuffer(count: rows * size.n), FloatBuffer(count: rows * size.n))
        multiply(left, right, operand, into: whole.view.matrix(rows: rows, columns: size.n), scratch: scratch)
        for range in [0..<1, 3..<4, 1..<6, 7..<20, 12..<36, 100..<483, 479..<482, 529..<530] {
            let places = range.lowerBound * size.n..<range.upperBound * size.n
            let target = part.view.slice(places)
            multiply(
                left.rows(range), right, operand, into: target.matrix(rows: range.count, columns: size.n),
                scratch: scratch)
            #expect(target.bits == whole.view.slice(places).bits, "rows \(range)")
        }
    }

    @Test(arguments: sizes, [0, 3]) func shardSumAgainstANaiveProduct(size: ProductSize, gap: Int) {
        let memory = GuardedMemory(gap: gap)
        let (left, right) = (Grid(size.k, size.m, seed: 1), Grid(size.k, size.n, seed: 2))
        let offsets = [0, size.k / 3, size.k / 3, size.k / 2, size.k]
        let result = memory.matrix(size.m, size.n)
        multiplyShardwise(
            [ShardRun(memory.matrix(left), memory.matrix(right), shardOffsets: offsets)], into: result,
            scratch: ProductScratch())
        let worst = worstError(result, size, left: { left[$1, $0] }, right: right, before: nil)
        #expect(worst == 0, "\(worst) away")
        #expect(memory.isIntact, "memory outside of the views was written")
    }

    /// The bits are those of each shard's product by itself, added up as the tree over the shards.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 13], [(50, 37), (384, 160), (12, 1536)])
    func isTheTreeOfShards(shards: Int, size: (m: Int, n: Int)) {
        let (memory, scratch) = (GuardedMemory(), ProductScratch())
        // One shard is empty, one is longer than a piece of a sum.
        let offsets = (0...shards).map { $0 * ($0 - 1) * 3 + ($0 > 3 ? 800 : 0) }
        let left = memory.matrix(Grid(offsets[shards], size.m, seed: 1))
        let right = memory.matrix(Grid(offsets[shards], size.n, seed: 2))
        let result = memory.matrix(size.m, size.n)
        multiplyShardwise([ShardRun(left, right, shardOffsets: offsets)], into: result, scratch: scratch)

        let single = memory.matrix(shards, size.m * size.n)
        for shard in 0..<shards {
            let range = offsets[shard]..<offsets[shard + 1]
            multiplyShardwise(
                [ShardRun(left.rows(range), right.rows(range), shardOffsets: [0, range.count])],
                into: single.row(shard).matrix(rows: size.m, columns: size.n), scratch: scratch)
        }
        let sum = memory.vector(size.m * size.n)
        treeSum(single, into: sum)
        let differing = zip(result.bits, sum.bits).count { $0 != $1 }
        #expect(differing == 0, "\(differing) elements differ")
        #expect(memory.isIntact)

        // The same where the shards' rows stand in several places.
        result.flattened.fill(.nan)
        multiplyShardwise(runs(of: left, right, offsets, cuts: [1, 4, 6]), into: result, scratch: scratch)
        #expect(zip(result.bits, sum.bits).allSatisfy { $0 == $1 })
        #expect(memory.isIntact)
    }

    /// Processors with smaller registers get the same bits.
    @Test(arguments: [4, 8, 12], [0, 1, 7, 768]) func partsAreTheTile(rows: Int, depth: Int) {
        let memory = GuardedMemory()
        let left = memory.matrix(Grid(depth, rows, seed: 1))
        let right = memory.matrix(Grid(depth, RegisterTile.columns, seed: 2))
        for adds in [false, true] {
            let before = Grid(rows, RegisterTile.columns, seed: 3)
            let (whole, parts) = (memory.matrix(before), memory.matrix(before))
            let panel = RegisterTile.LeftPanel(packed: left.base, rows: rows)
            RegisterTile.multiply(
                depth: depth, left: panel, right: right.base, into: whole.base, stride: whole.stride, adds: adds)
            RegisterTile.multiplyInParts(depth, panel, right.base, parts.base, parts.stride, adds)
            #expect(whole.bits == parts.bits)
        }
        #expect(memory.isIntact)
    }

    /// Rows have the same bits whether they are read from a packed panel or where they stand.
    @Test(arguments: [0, 1, 7, 768]) func placeOfRowsMakesNoDifference(depth: Int) {
        let memory = GuardedMemory()
        let values = Grid(RegisterTile.rows, depth, seed: 1)
        let rows = memory.matrix(values)
        let packed = memory.matrix(Grid(depth, RegisterTile.rows) { values[$1, $0] })
        let right = memory.matrix(Grid(depth, RegisterTile.columns, seed: 2))
        for adds in [false, true] {
            let before = Grid(RegisterTile.rows, RegisterTile.columns, seed: 3)
            let results = (memory.matrix(before), memory.matrix(before), memory.matrix(before))
            let inPlace = RegisterTile.LeftPanel(rowsFrom: rows.base, stride: rows.stride)
            RegisterTile.multiply(
                depth: depth, left: .init(packed: packed.base, rows: RegisterTile.rows), right: right.base,
                into: results.0.base, stride: results.0.stride, adds: adds)
            RegisterTile.multiply(
                depth: depth, left: inPlace, right: right.base, into: results.1.base, stride: results.1.stride,
                adds: adds)
            RegisterTile.multiplyInParts(depth, inPlace, right.base, results.2.base, results.2.stride, adds)
            #expect(results.0.bits == results.1.bits)
            #expect(results.0.bits == results.2.bits)
        }
        #expect(memory.isIntact)
    }

    /// How far the worst element is outside of the rounding of its sum.
    private func worstError(
        _ result: MatrixView, _ size: ProductSize, left: (Int, Int) -> Double, right: Grid, before: Grid?
    ) -> Double {
        var worst = 0.0
        for row in 0..<size.m {
            for column in 0..<size.n {
                var (sum, magnitude) = (0.0, 0.0)
                for place in 0..<size.k {
                    sum += left(row, place) * right[place, column]
                    magnitude += abs(left(row, place) * right[place, column])
                }
                let kept = before?[row, column] ?? 0
                let error = abs(Double(result[row, column]) - sum - kept)
                // A sum of k rounded terms is off by less than k units of rounding of the sum of magnitudes.
                let bound = Double(size.k + 2) * 0x1p-24 * (magnitude + abs(kept))
                worst = error <= bound ? worst : max(worst, error.isNaN ? .infinity : error)
            }
        }
        return worst
    }
}

private func runs(of left: MatrixView, _ right: MatrixView, _ offsets: [Int], cuts: [Int]) -> [ShardRun<MatrixView>] {
    pieces(offsets, cuts).map { ShardRun(left.rows($0.rows), right.rows($0.rows), shardOffsets: $0.offsets) }
}

/// Consecutive shards cut before some of them: the rows of each piece, and the boundaries within it.
func pieces(_ offsets: [Int], _ cuts: [Int]) -> [(rows: Range<Int>, offsets: [Int])] {
    let ends = [0] + cuts.filter { $0 < offsets.count - 1 } + [offsets.count - 1]
    return zip(ends, ends.dropFirst()).map { first, last in
        (offsets[first]..<offsets[last], offsets[first...last].map { $0 - offsets[first] })
    }
}
