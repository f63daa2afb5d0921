import LinearAlgebra

/// Self-attention over packed sequences (Vaswani et al. 2017, section 3.2): each sequence attends to itself only, so that no
/// padding and no mask exist.
///
/// Each attention head of each sequence is computed by itself in tiles that stay in the processor's caches. Probabilities are
/// not stored for the backward pass but computed anew from each row's maximum and sum (Dao et al. 2022, section 3.1). Scores
/// are held transposed, keys in rows and queries in lanes, so that sums over keys are sums of vectors.
public struct Attention: Sendable {
    let headCount: Int
    let headSize: Int
    let dropout: DropoutSite

    /// - Parameters:
    ///   - headCount: attention heads; each takes `headSize` of the hidden columns.
    ///   - dropout: of the attention probabilities.
    public init(headCount: Int, headSize: Int, dropout: DropoutSite) {
        self.headCount = headCount
        self.headSize = headSize
        self.dropout = dropout
    }

    /// How many elements the statistics of the sequences take: two for each token and attention head, with the tokens of a
    /// sequence rounded up to whole pieces of 16.
    public static func statisticsCount(headCount: Int, _ sequenceOffsets: ArraySlice<Int>) -> Int {
        zip(sequenceOffsets, sequenceOffsets.dropFirst()).reduce(0) { $0 + headCount * 2 * wholePieces($1.1 - $1.0) }
    }

    /// `context = dropout(softmax(query · keyᵀ / √headSize)) · value` for every sequence and attention head.
    ///
    /// - Parameters:
    ///   - projections: [tokens of the shard, 3 · hiddenSize]: query, key and value side by side, biases added.
    ///   - sequenceOffsets: the shard's boundaries; the first names the row that `projections` begins with.
    ///   - statistics: `statisticsCount` elements; overwritten by what the backward pass needs of the softmax.
    ///   - context: [tokens of the shard, hiddenSize]; overwritten.
    ///   - scratch: memory for one attention head of one sequence.
    public func forward(
        _ projections: MatrixView, sequenceOffsets: ArraySlice<Int>, statistics: VectorView, into context: MatrixView,
        scratch: GrowingBuffer
    ) {
        forEachHead(projections, context, sequenceOffsets, statistics) { head in
            let tiles = AttentionForwardTiles(length: head.rows.count, headSize: headSize, scratch)
            copyPadded(head.key, into: tiles.key)
            copyPadded(head.value, into: tiles.value)
            tiles.queries.fill(head.query)
            let (length, keys) = (head.rows.count, tiles.key.columns(0..<headSize))
            for panel in panels(of: tiles.key.rows) {
                let scores = tiles.scores.columns(0..<panel.count)
                multiplyTiles(
                    keys.rows(0..<scores.rows), .asIs, tiles.queries.transposed.columns(panel), into: scores)
                softmaxColumns(
                    scores, keyCount: length, statistics: head.statistics.columns(panel), dropout, slice: head.index,
                    firstRow: head.rows.lowerBound, firstColumn: panel.lowerBound)
                let rows = panel.clamped(to: 0..<length)
                let own = tiles.context.rows(0..<wholeQuads(rows.count))
                multiplyTiles(
                    scores.rows(0..<length).columns(0..<own.rows), .transposed, tiles.value.rows(0..<length), into: own)
                let inverse = head.statistics.row(1).base + panel.lowerBound
                copyBack(own, into: head.context.rows(rows)) { inverse[$0] * dropout.scale }
            }
        }
    }

    /// The backward pass of `forward`.
    ///
    /// - Parameters:
    ///   - dContext: [tokens of the shard, hiddenSize].
    ///   - context, projections, statistics: as in and behind the forward pass.
    ///   - dProjections: [tokens of the shard, 3 · hiddenSize]; overwritten.
    public func backward(
        _ dContext: MatrixView, context: MatrixView, projections: MatrixView, sequenceOffsets: ArraySlice<Int>,
        statistics: VectorView, into dProjections: MatrixView, scratch: GrowingBuffer
    ) {
        require(
            dProjections.rows == projections.rows && dProjections.columns == projections.columns
                && dContext.rows == context.rows && dContext.columns == context.columns,
            "the gradient of an attention of unlike sizes")
        forEachHead(projections, context, sequenceOffsets, statistics) { head in
            let dHeadContext = dContext.rows(head.rows).columns(head.columns)
            let gradient = part(of: dProjections, head.rows, head.index)
            let tiles = AttentionBackwardTiles(length: head.rows.count, headSize: headSize, scratch)
            copyPadded(head.key, into: tiles.key)
            copyPadded(head.value, into: tiles.value)
            tiles.queries.fill(head.query)
            tiles.dContext.fill(dHeadContext, times: dropout.scale)
            rowProducts(dHeadContext, head.context, into: tiles.products)
            let length = head.rows.count
            for first in stride(from: 0, to: length, by: AttentionBackwardTiles.blockSize) {
                let block = first..<min(first + AttentionBackwardTiles.blockSize, length)
                backward(head, block, tiles)
                let rows = 0..<wholeQuads(block.count)
                multiplyTiles(
                    tiles.kept.rows(rows).columns(0..<length), .asIs, tiles.dContext.padded.rows(0..<length),
                    into: tiles.result.rows(rows))
                copyBack(tiles.result, into: gradient.value.rows(block))
                multiplyTiles(
                    tiles.dScores.rows(rows).columns(0..<length), .asIs, tiles.queries.padded.rows(0..<length),
                    into: tiles.result.rows(rows))
                copyBack(tiles.result, into: gradient.key.rows(block))
                multiplyTiles(
                    tiles.dScores.rows(0..<block.count).columns(0..<tiles.dQuery.rows), .transposed,
                    tiles.key.rows(block), into: tiles.dQuery, adds: first > 0)
            }
            copyBack(tiles.dQuery, into: gradient.query) { _ in tiles.queries.scale }
        }
    }

    /// The probabilities behind the dropout and the gradient of the scores for some keys and all queries.
    private func backward(_ head: Head, _ block: Range<Int>, _ tiles: AttentionBackwardTiles) {
        let own = block.lowerBound..<block.lowerBound + wholeQuads(block.count)
        for panel in panels(of: tiles.key.rows) {
            let kept = tiles.kept.rows(0..<own.count).columns(panel)
            let dScores = tiles.dScores.rows(0..<own.count).columns(panel)
            multiplyTiles(
                tiles.key.rows(own).columns(0..<headSize), .asIs, tiles.queries.transposed.columns(panel), into: kept)
            multiplyTiles(
                tiles.value.rows(own).columns(0..<headSize), .asIs, tiles.dContext.transposed.columns(panel),
                into: dScores)
            softmaxColumnsBackward(
                kept, dScores, statistics: head.statistics.columns(panel), products: tiles.products.slice(panel),
                dropout, slice: head.index, firstRow: head.rows.lowerBound + block.lowerBound,
                firstColumn: panel.lowerBound)
        }
    }

    /// Whole pieces of queries, as many at a time as a tile has columns.
    private func panels(of count: Int) -> some Sequence<Range<Int>> {
        stride(from: 0, to: count, by: attentionPanel).lazy.map { $0..<min($0 + attentionPanel, count) }
    }

    /// One attention head of one sequence.
    private struct Head {
        let index: Int
        let rows: Range<Int>
        let columns: Range<Int>
        let query, key, value, context: MatrixView
        /// Two rows: for each query the largest score, and the inverse of the sum of the powers.
        let statistics: MatrixView
    }

    @inline(__always)
    private func forEachHead(
        _ projections: MatrixView, _ context: MatrixView, _ sequenceOffsets: ArraySlice<Int>, _ statistics: VectorView,
        _ body: (Head) -> Void
    ) {
        require(
            projections.columns == 3 * headCount * headSize && context.columns == headCount * headSize
                && context.rows == projections.rows, "an attention of unlike sizes")
        let first = sequenceOffsets.first ?? 0
        var position = 0
        for (start, end) in zip(sequenceOffsets, sequenceOffsets.dropFirst()) {
            let (rows, width) = (start - first..<end - first, wholePieces(end - start))
            for index in 0..<headCount {
                let (query, key, value) = part(of: projections, rows, index)
                let columns = index * headSize..<(index + 1) * headSize
                body(
                    Head(
                        index: index, rows: rows, columns: columns, query: query, key: key, value: value,
                        context: context.rows(rows).columns(columns),
                        statistics: statistics.slice(position..<position + 2 * width).matrix(rows: 2, columns: width)))
                position += 2 * width
            }
        }
    }

    /// The query, key and value columns of one attention head.
    private func part(
        of projections: MatrixView, _ rows: Range<Int>, _ index: Int
    ) -> (query: MatrixView, key: MatrixView, value: MatrixView) {
        let (sequence, hiddenSize) = (projections.rows(rows), headCount * headSize)
        func columns(_ third: Int) -> MatrixView {
            let start = third * hiddenSize + index * headSize
            return sequence.columns(start..<start + headSize)
        }
        return (columns(0), columns(1), columns(2))
    }
}
