/// `result = Σ leftᵀ · right` over several shards of rows, each shard's product by itself, added up as the balanced binary tree
/// over the shards, on the calling thread alone.
///
/// The tree is gone through for one tile of the result after the other, so that its partial sums stay in the first-level cache
/// and the result is written once.
///
/// - Parameters:
///   - left: [rows, m].
///   - right: [rows, n].
///   - shardOffsets: [shards + 1], where each shard's rows begin; a shard may be empty.
///   - result: [m, n]; overwritten.
public func multiplyShardwise(
    transposed left: MatrixView, _ right: MatrixView, shardOffsets: [Int], into result: MatrixView,
    scratch: ProductScratch
) {
    let (m, n, depth) = (left.columns, right.columns, left.rows)
    require(
        result.rows == m && result.columns == n && right.rows == depth && shardOffsets.first == 0
            && shardOffsets.last == depth && shardOffsets.count > 1,
        "a product of shards of \(depth) × \(m) and \(right.rows) × \(n) into \(result.rows) × \(result.columns)")
    let tileSize = RegisterTile.rows * RegisterTile.columns
    let tiles = scratch.tiles.vector((treeDepth(shardOffsets.count - 1) + 1) * tileSize)
    let rightPanels = scratch.right.vector(PackedPanels.rightElements(columns: n, depth: depth))
    PackedPanels.packRight(right, .asIs, into: rightPanels)
    for row in stride(from: 0, to: m, by: leftColumns) {
        let rows = row..<min(row + leftColumns, m)
        let leftPanels = scratch.left.vector(PackedPanels.leftElements(rows: rows.count, depth: depth))
        PackedPanels.packLeft(columnsOf: left.columns(rows), into: leftPanels)
        let part = result.rows(rows)
        for column in stride(from: 0, to: n, by: RegisterTile.columns) {
            for row in stride(from: 0, to: rows.count, by: RegisterTile.rows) {
                let target = part.tile(row: row, column: column)
                ShardTile(
                    left: leftPanels.base + row * depth, rows: PackedPanels.paddedRows(target.rows),
                    right: rightPanels.base + column * depth, shardOffsets: shardOffsets, tiles: tiles
                ).sum(into: target)
            }
        }
    }
}

/// Columns of the left operand that are packed at a time: eight panels, which stay in the second-level cache while all right
/// ones pass by.
private let leftColumns = 96

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
            line.store(line.lanes(at: 0) + addend.lanes(at: 0), at: 0)
            line.store(line.lanes(at: laneCount) + addend.lanes(at: laneCount), at: laneCount)
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
