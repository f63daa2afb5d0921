/// Consecutive shards whose rows stand together, as operands of a product over shards.
public struct ShardRun<Matrix: Sendable>: Sendable {
    /// [rows, m] and [rows, n].
    public let left, right: Matrix
    /// [shards + 1], where each shard's rows begin; a shard may be empty.
    public let shardOffsets: [Int]

    public init(_ left: Matrix, _ right: Matrix, shardOffsets: [Int]) {
        (self.left, self.right, self.shardOffsets) = (left, right, shardOffsets)
    }

    func requireSizes(_ left: (rows: Int, columns: Int), _ right: (rows: Int, columns: Int), _ result: MatrixView) {
        require(
            result.rows == left.columns && result.columns == right.columns && left.rows == right.rows
                && shardOffsets.first == 0 && shardOffsets.last == left.rows && shardOffsets.count > 1,
            "a product of shards of \(left) and \(right) into \(result.rows) × \(result.columns)")
    }
}

/// `result = Σ leftᵀ · right` over several shards of rows, each shard's product by itself, added up as the balanced binary tree
/// over the shards, on the calling thread alone.
///
/// The tree is gone through for one tile of the result after the other, so that its partial sums stay in the first-level cache
/// and the result is written once.
///
/// - Parameters:
///   - runs: of all shards, in their order; not none.
///   - result: [m, n]; overwritten.
public func multiplyShardwise(
    _ runs: [ShardRun<MatrixView>], into result: MatrixView, scratch: ProductScratch
) {
    let (m, n) = (result.rows, result.columns)
    for run in runs { run.requireSizes((run.left.rows, run.left.columns), (run.right.rows, run.right.columns), result) }
    // Where each run's rows, and each shard's, begin among the rows of all.
    let starts = runs.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.left.rows) }
    let offsets = zip(runs, starts).reduce(into: [0]) { all, run in
        all += run.0.shardOffsets.dropFirst().map { $0 + run.1 }
    }
    let depth = starts[runs.count]
    let tileSize = RegisterTile.rows * RegisterTile.columns
    let tiles = scratch.tiles.vector((treeDepth(offsets.count - 1) + 1) * tileSize)
    for column in stride(from: 0, to: n, by: rightColumns) {
        let columns = column..<min(column + rightColumns, n)
        let rightPanels = scratch.right.vector(PackedPanels.rightElements(columns: columns.count, depth: depth))
        for (run, start) in zip(runs, starts) {
            PackedPanels.packRight(columnsOf: run.right.columns(columns), from: start, of: depth, into: rightPanels)
        }
        for row in stride(from: 0, to: m, by: leftColumns) {
            let rows = row..<min(row + leftColumns, m)
            let leftPanels = scratch.left.vector(PackedPanels.leftElements(rows: rows.count, depth: depth))
            for (run, start) in zip(runs, starts) {
                PackedPanels.packLeft(columnsOf: run.left.columns(rows), from: start, of: depth, into: leftPanels)
            }
            let part = result.rows(rows).columns(columns)
            for column in stride(from: 0, to: columns.count, by: RegisterTile.columns) {
                for row in stride(from: 0, to: rows.count, by: RegisterTile.rows) {
                    let target = part.tile(row: row, column: column)
                    ShardTile(
                        left: leftPanels.base + row * depth, rows: PackedPanels.paddedRows(target.rows),
                        right: rightPanels.base + column * depth, shardOffsets: offsets, tiles: tiles
                    ).sum(into: target)
                }
            }
        }
    }
}

/// Columns of the right operand that are packed at a time: with a thousand rows three megabytes, which stay in the last cache
/// while all left columns pass by.
private let rightColumns = 768
/// Columns of the left operand that are packed at a time: panels that stay in the second-level cache, beside one of the right
/// ones, while all of those pass by. Processors with small registers have small caches, too.
private let leftColumns = (hasWideRegisters ? 8 : 4) * RegisterTile.rows

/// One tile of the result.
private struct ShardTile {
    let left: UnsafeMutablePointer<Float>
    let rows: Int
    let right: UnsafeMutablePointer<Float>
    let shardOffsets: [Int]
    let tiles: VectorView

    func sum(into target: MatrixView) {
        let shards = 0..<shardOffsets.count - 1
        if target.rows == rows && target.columns == RegisterTile.columns {
            return sum(shards, into: target.base, stride: target.stride, depth: 0)
        }
        let whole = MatrixView(tile(0), rows: rows, columns: RegisterTile.columns)
        sum(shards, into: whole.base, stride: whole.stride, depth: 1)
        target.copyPart(of: whole, adds: false)
    }

    /// - Parameter depth: the first of the tiles that are free.
    private func sum(_ shards: Range<Int>, into target: UnsafeMutablePointer<Float>, stride: Int, depth: Int) {
        if shards.count == 1 { return product(shards.lowerBound, into: target, stride: stride, adds: false) }
        let middle = shards.lowerBound + treeSplit(shards.count)
        sum(shards.lowerBound..<middle, into: target, stride: stride, depth: depth)
        if shards.upperBound - middle == 1, shardOffsets[middle + 1] - shardOffsets[middle] <= sumLength {
            return product(middle, into: target, stride: stride, adds: true)
        }
        let other = tile(depth)
        sum(middle..<shards.upperBound, into: other, stride: RegisterTile.columns, depth: depth + 1)
        for row in 0..<rows {
            let (line, addend) = (target + row &* stride, other + row &* RegisterTile.columns)
            for column in Swift.stride(from: 0, to: RegisterTile.columns, by: laneCount) {
                line.store(line.lanes(at: column) + addend.lanes(at: column), at: column)
            }
        }
    }

    private func product(_ shard: Int, into target: UnsafeMutablePointer<Float>, stride: Int, adds: Bool) {
        let end = shardOffsets[shard + 1]
        var (start, adds) = (shardOffsets[shard], adds)
        repeat {
            let count = min(sumLength, end - start)
            RegisterTile.multiply(
                depth: count, left: .init(packed: left + start &* rows, rows: rows),
                right: right + start &* RegisterTile.columns, into: target, stride: stride, adds: adds)
            start += count
            adds = true
        } while start < end
    }

    private func tile(_ index: Int) -> UnsafeMutablePointer<Float> {
        tiles.slice(index * rows * RegisterTile.columns..<(index + 1) * rows * RegisterTile.columns).base
    }
}
