import LinearAlgebra

/// The three tables whose rows a token's embedding adds (Devlin et al. 2019, figure 2).
public struct EmbeddingTables: Sendable {
    let words: MatrixView
    let positions: MatrixView
    let tokenTypes: MatrixView

    /// - Parameters:
    ///   - words: [vocabularySize, hiddenSize].
    ///   - positions: [maximum length, hiddenSize].
    ///   - tokenTypes: [number of token types, hiddenSize].
    public init(words: MatrixView, positions: MatrixView, tokenTypes: MatrixView) {
        require(
            words.columns == positions.columns && words.columns == tokenTypes.columns,
            "embedding tables of unlike widths")
        self.words = words
        self.positions = positions
        self.tokenTypes = tokenTypes
    }
}

/// Which rows of the tables the packed tokens take.
public struct EmbeddingRows: Sendable {
    public let words: [Int32]
    public let positions: [Int32]
    public let tokenTypes: [Int32]

    public init(words: [Int32], positions: [Int32], tokenTypes: [Int32]) {
        require(
            words.count == positions.count && words.count == tokenTypes.count, "tokens without a position or a type")
        self.words = words
        self.positions = positions
        self.tokenTypes = tokenTypes
    }
}

/// `output = dropout(layerNorm(word + position + token type + move))` for the packed tokens.
///
/// - Parameters:
///   - rows: for the tokens `range`; an index outside of its table stops the program, so check the ids where they come from.
///   - moves: [tokens, hiddenSize]; nil moves nothing.
///   - normalized: [tokens, hiddenSize]; overwritten by the normalised rows x̂.
///   - inverseDeviation: [tokens]; overwritten by 1/√(variance + ε).
///   - output: [tokens, hiddenSize]; overwritten.
public func embed(
    _ rows: EmbeddingRows, _ range: Range<Int>, _ tables: EmbeddingTables, _ parameters: LayerNormParameters,
    moves: MatrixView? = nil, dropout: DropoutSite, normalized: MatrixView, inverseDeviation: VectorView,
    into output: MatrixView
) {
    let columns = tables.words.columns
    require(
        range.upperBound <= rows.words.count && normalized.rows == range.count && normalized.columns == columns
            && output.rows == range.count && output.columns == columns && inverseDeviation.count == range.count
            && parameters.scale.count == columns && (moves ?? output).rows == range.count
            && (moves ?? output).columns == columns, "an embedding of unlike sizes")
    for (row, token) in range.enumerated() {
        let word = tables.words.row(Int(rows.words[token])).base
        let position = tables.positions.row(Int(rows.positions[token])).base
        let tokenType = tables.tokenTypes.row(Int(rows.tokenTypes[token])).base
        let (x, target) = (normalized.base + row * normalized.stride, output.base + row * output.stride)
        var sum = Lanes(repeating: 0)
        forEachPiece(of: columns) { offset, count in
            var z = word.piece(offset, count) + position.piece(offset, count) + tokenType.piece(offset, count)
            if let moves { z += (moves.base + row * moves.stride).piece(offset, count) }
            x.storePiece(z, offset, count)
            sum += z
        }
        inverseDeviation.base[row] = normalizeRow(
            x, columns, mean: sum.total / Float(columns), parameters, into: target)
        if dropout.isActive {
            dropout.forEachPiece(row: row, columns: columns) { offset, count, keep in
                target.storePiece(keep(target.piece(offset, count)), offset, count)
            }
        }
    }
}

/// The backward pass of `embed` down to the sum of the three table rows and the move.
///
/// - Parameter dOutput: [tokens, hiddenSize]; overwritten by the gradient of each token's sum.
public func embedBackward(
    _ dOutput: MatrixView, normalized: MatrixView, inverseDeviation: VectorView, dropout: DropoutSite,
    _ parameters: LayerNormParameters, _ gradients: LayerNormGradients
) {
    if dropout.isActive { dropOut(dOutput, dropout, into: dOutput) }
    normalizeBackward(dOutput, normalized, inverseDeviation, parameters, gradients) { _, _ in }
}

/// The gradient of an embedding table: the rows of `dTokens` added up by the table row that each token took.
///
/// Sums are over the tokens of a shard in their order, from zero; over shards by the balanced binary tree. A shard without a
/// token for a table row takes no part in that row's tree, which is the same as adding its zeros: a sum that starts from zero
/// is never −0.
///
/// - Parameters:
///   - dTokens: [tokens, hiddenSize].
///   - indices: [tokens], the table row of each token.
///   - shardOffsets: [shards + 1], where each shard's tokens begin.
///   - gradient: [table rows, hiddenSize]; the rows that tokens took are overwritten, the others untouched.
///   - scratch: memory for the tree.
/// - Returns: the table rows written, ascending.
public func scatterAdd(
    _ dTokens: MatrixView, indices: [Int32], shardOffsets: [Int], into gradient: MatrixView, scratch: GrowingBuffer
) -> [Int32] {
    require(
        indices.count == dTokens.rows && gradient.columns == dTokens.columns && shardOffsets.last == indices.count,
        "the gradient of an embedding of unlike sizes")
    // Sorting (table row, token) pairs as one number keeps the tokens of a table row together and in order.
    let order = indices.enumerated().map { UInt64(UInt32(bitPattern: $1)) << 32 | UInt64($0) }.sorted()
    let shardCount = shardOffsets.count - 1
    let temporary = scratch.matrix(rows: treeDepth(shardCount), columns: gradient.columns)
    var touched: [Int32] = []
    var start = 0
    while start < order.count {
        let index = order[start] >> 32
        var end = start + 1
        while end < order.count && order[end] >> 32 == index { end += 1 }
        touched.append(Int32(index))
        sumRows(
            dTokens, order[start..<end], shards: 0..<shardCount, shardOffsets, into: gradient.row(Int(index)),
            temporary, depth: 0)
        start = end
    }
    return touched
}

/// The token of a (table row, token) pair.
@inline(__always)
private func token(_ pair: UInt64) -> Int { Int(pair & 0xFFFF_FFFF) }

/// Adds up the rows of the tokens of some pairs (ascending, at least one) over the shards that hold them.
private func sumRows(
    _ rows: MatrixView, _ pairs: ArraySlice<UInt64>, shards: Range<Int>, _ shardOffsets: [Int],
    into target: VectorView, _ temporary: MatrixView, depth: Int
) {
    if shards.count == 1 {
        target.fill(0)
        for pair in pairs { add(rows.row(token(pair)), to: target) }
        return
    }
    let middle = shards.lowerBound + treeSplit(shards.count)
    let cut = pairs.firstIndex { token($0) >= shardOffsets[middle] } ?? pairs.endIndex
    let (left, right) = (pairs[..<cut], pairs[cut...])
    if right.isEmpty {
        sumRows(rows, left, shards: shards.lowerBound..<middle, shardOffsets, into: target, temporary, depth: depth)
    } else if left.isEmpty {
        sumRows(rows, right, shards: middle..<shards.upperBound, shardOffsets, into: target, temporary, depth: depth)
    } else {
        let other = temporary.row(depth)
        sumRows(rows, left, shards: shards.lowerBound..<middle, shardOffsets, into: target, temporary, depth: depth + 1)
        sumRows(rows, right, shards: middle..<shards.upperBound, shardOffsets, into: other, temporary, depth: depth + 1)
        add(other, to: target)
    }
}
