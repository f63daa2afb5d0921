import LinearAlgebra

/// The gradient of a weight matrix over several shards: `gradient = Σ dOutputᵀ · input`, each shard's product by itself, added
/// up as the balanced binary tree over the shards.
///
/// The matrix is computed in bands of rows that stay in the last cache while the shards' products are added, so that the
/// tree costs little traffic to memory. Bands depend on the matrix's size alone.
///
/// - Parameters:
///   - dOutput: [tokens, output columns].
///   - input: [tokens, input columns].
///   - shardOffsets: [shards + 1], where each shard's tokens begin.
///   - gradient: [output columns, input columns]; overwritten.
///   - scratch: memory for the tree.
public func weightGradient(
    dOutput: MatrixView, input: MatrixView, shardOffsets: [Int], into gradient: MatrixView, scratch: GrowingBuffer
) {
    require(
        gradient.rows == dOutput.columns && gradient.columns == input.columns && dOutput.rows == input.rows
            && shardOffsets.last == input.rows, "a weight gradient of unlike sizes")
    let bandRows = max(16, bandSize / max(gradient.columns, 1) / 16 * 16)
    let depth = treeDepth(shardOffsets.count - 1)
    let temporary = scratch.matrix(rows: depth * bandRows, columns: gradient.columns)
    for start in stride(from: 0, to: gradient.rows, by: bandRows) {
        let band = start..<min(start + bandRows, gradient.rows)
        sumProducts(
            dOutput.columns(band), input, shardOffsets, shards: 0..<shardOffsets.count - 1, into: gradient.rows(band),
            temporary, depth: 0)
    }
}

/// Elements of a band: two megabytes. Bands that fit a second-level cache were measured to be slower: the products lose more
/// by them than the sums gain.
private let bandSize = 524_288

private func sumProducts(
    _ dOutput: MatrixView, _ input: MatrixView, _ shardOffsets: [Int], shards: Range<Int>, into target: MatrixView,
    _ temporary: MatrixView, depth: Int
) {
    if shards.count == 1 {
        let tokens = shardOffsets[shards.lowerBound]..<shardOffsets[shards.upperBound]
        multiply(dOutput.rows(tokens), .transposed, input.rows(tokens), .asIs, into: target)
        return
    }
    let middle = shards.lowerBound + treeSplit(shards.count)
    let other = temporary.rows(depth * target.rows..<(depth + 1) * target.rows)
    sumProducts(
        dOutput, input, shardOffsets, shards: shards.lowerBound..<middle, into: target, temporary, depth: depth + 1)
    sumProducts(
        dOutput, input, shardOffsets, shards: middle..<shards.upperBound, into: other, temporary, depth: depth + 1)
    add(other.flattened, to: target.flattened)
}
