import Synchronization

/// `result = Σ leftᵀ · right` over several shards of rows, operands in bfloat16, each shard's product by itself, added up in single
/// precision as the balanced binary tree over the shards, on the calling thread alone.
///
/// The matrix is computed in blocks that stay in a cache while the shards' products are added, so that the tree costs little
/// traffic to memory. Blocks depend on the matrix's size alone.
///
/// - Parameters:
///   - runs: of all shards, in their order; not none.
///   - result: [m, n]; overwritten.
///   - scratch: memory for the tree.
public func multiplyShardwise(_ runs: [ShardRun<BFloat16View>], into result: MatrixView, scratch: GrowingBuffer) {
    for run in runs { run.requireSizes((run.left.rows, run.left.columns), (run.right.rows, run.right.columns), result) }
    if BFloat16Support.here == .emulated { return WidenedProduct.multiplyShardwise(runs, into: result) }
    let grid = BlockGrid.ofShardwiseProduct(rows: result.rows, columns: result.columns)
    let shards = runs.flatMap { run in
        zip(run.shardOffsets, run.shardOffsets.dropFirst()).map {
            (left: run.left.rows($0..<$1), right: run.right.rows($0..<$1))
        }
    }
    let temporary = scratch.matrix(rows: treeDepth(shards.count) * grid.height, columns: grid.width)
    for block in 0..<grid.count {
        let (rows, columns) = grid.ranges(block)
        ShardBlock(shards: shards.map { ($0.left.columns(rows), $0.right.columns(columns)) }).sum(
            0..<shards.count, into: result.rows(rows).columns(columns), temporary.columns(0..<columns.count), depth: 0)
    }
}

extension BlockGrid {
    /// The blocks of a product over shards in bfloat16.
    public static func ofShardwiseProduct(rows: Int, columns: Int) -> BlockGrid {
        let width = min(columns, widestBlock)
        let height = max(16, blockSize / max(width, 1) / 16 * 16)
        return BlockGrid(rows: rows, columns: columns, height: height, width: width)
    }
}

/// Whether each block of a result that is computed as a product over shards by itself has the bits that it has in the whole.
///
/// Nothing documents what oneDNN does, so it is tried out, once for each grid, with shards of all kinds of lengths.
public func stripesAreIndependent(_ grid: BlockGrid) -> Bool {
    if BFloat16Support.here == .emulated { return true }
    if let answer = knownGrids.withLock({ $0[grid] }) { return answer }
    let offsets = [0, 1, 3, 10, 43, 107, 257, 557]
    let (rows, columns, depth) = (grid.rows, grid.columns, offsets[offsets.count - 1])
    let operands = FloatBuffer(count: depth * (rows + columns))
    let (halves, scratch, results) = (GrowingBuffer(), GrowingBuffer(), FloatBuffer(count: 2 * rows * columns))
    let answer = withExtendedLifetime((operands, halves, results)) {
        Philox(key: 13).fillNormal(operands.view, stream: 0, deviation: 1)
        let all = halves.bfloat16Matrix(rows: depth, columns: rows + columns)
        convert(operands.view.matrix(rows: depth, columns: rows + columns), into: all)
        let (left, right) = (all.columns(0..<rows), all.columns(rows..<rows + columns))
        let both = results.view.matrix(rows: 2 * rows, columns: columns)
        let (whole, parts) = (both.rows(0..<rows), both.rows(rows..<2 * rows))
        multiplyShardwise([ShardRun(left, right, shardOffsets: offsets)], into: whole, scratch: scratch)
        for block in 0..<grid.count {
            let (own, ownColumns) = grid.ranges(block)
            multiplyShardwise(
                [ShardRun(left.columns(own), right.columns(ownColumns), shardOffsets: offsets)],
                into: parts.rows(own).columns(ownColumns), scratch: scratch)
        }
        return (0..<rows * columns).allSatisfy { whole.base[$0].bitPattern == parts.base[$0].bitPattern }
    }
    knownGrids.withLock { $0[grid] = answer }
    return answer
}

private let knownGrids = Mutex<[BlockGrid: Bool]>([:])

/// Elements of a block: two megabytes. Smaller ones were measured to be slower, and so were wide ones of few rows.
private let blockSize = 524_288
private let widestBlock = 768

/// One block of the result.
private struct ShardBlock {
    let shards: [(left: BFloat16View, right: BFloat16View)]

    /// - Parameters:
    ///   - target: [columns of left, columns of right]; overwritten by the sum over the shards.
    ///   - temporary: as many rows as the target has for each further level of the tree.
    func sum(_ shards: Range<Int>, into target: MatrixView, _ temporary: MatrixView, depth: Int) {
        if shards.count == 1 { return product(shards.lowerBound, into: target, adds: false) }
        let middle = shards.lowerBound + treeSplit(shards.count)
        sum(shards.lowerBound..<middle, into: target, temporary, depth: depth + 1)
        if shards.upperBound - middle == 1, ProductAddition.isSeparate(self.shards[middle].left.rows, target) {
            return product(middle, into: target, adds: true)
        }
        let other = temporary.rows(depth * target.rows..<(depth + 1) * target.rows)
        sum(middle..<shards.upperBound, into: other, temporary, depth: depth + 1)
        for row in 0..<target.rows { add(other.row(row), to: target.row(row)) }
    }

    private func product(_ shard: Int, into target: MatrixView, adds: Bool) {
        multiply(shards[shard].left, .transposed, shards[shard].right, .asIs, into: target, adds: adds)
    }
}

/// Whether a product that is added to what is there has the bits of a product by itself, added afterwards.
///
/// oneDNN sums up to 384 terms in registers before it adds them. Nothing documents this, so it is tried out, once for each size
/// of result; it saves a pass over memory for every second shard.
private enum ProductAddition {
    private struct Size: Hashable {
        let rows, columns: Int
    }

    private static let known = Mutex<[Size: Bool]>([:])
    private static let mostTerms = 256

    static func isSeparate(_ terms: Int, _ result: MatrixView) -> Bool {
        guard terms <= mostTerms else { return false }
        let size = Size(rows: result.rows, columns: result.columns)
        if let answer = known.withLock({ $0[size] }) { return answer }
        let answer = isFound(for: size)
        known.withLock { $0[size] = answer }
        return answer
    }

    private static func isFound(for size: Size) -> Bool {
        let count = size.rows * size.columns
        let operands = FloatBuffer(count: mostTerms * (size.rows + size.columns))
        let (halves, results) = (GrowingBuffer(), FloatBuffer(count: 3 * count))
        return withExtendedLifetime((operands, halves, results)) {
            Philox(key: 11).fillNormal(operands.view, stream: 0, deviation: 1)
            let all = halves.bfloat16Matrix(rows: mostTerms, columns: size.rows + size.columns)
            convert(operands.view.matrix(rows: all.rows, columns: all.columns), into: all)
            let (before, separate, added) = (
                results.view.slice(0..<count), results.view.slice(count..<2 * count),
                results.view.slice(2 * count..<3 * count)
            )
            Philox(key: 12).fillNormal(before, stream: 0, deviation: 16)
            return [1, 2, 7, 16, 33, 64, 100, 127, 150, 255, mostTerms].allSatisfy { terms in
                func product(into result: VectorView, adds: Bool) {
                    multiply(
                        all.rows(0..<terms).columns(0..<size.rows), .transposed,
                        all.rows(0..<terms).columns(size.rows..<all.columns), .asIs,
                        into: result.matrix(rows: size.rows, columns: size.columns), adds: adds)
                }
                added.copy(from: before)
                product(into: added, adds: true)
                product(into: separate, adds: false)
                add(before, separate, into: separate)
                return (0..<count).allSatisfy { added.base[$0].bitPattern == separate.base[$0].bitPattern }
            }
        }
    }
}
