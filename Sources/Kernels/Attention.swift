import LinearAlgebra

/// Self-attention over packed sequences (Vaswani et al. 2017, section 3.2): each sequence attends to itself only, so that no
/// padding and no mask exist.
///
/// Each attention head of each sequence is computed by itself in tiles that stay in the processor's caches. Probabilities are
/// not stored for the backward pass but computed anew from each row's maximum and sum (Dao et al. 2022, section 3.1). Scores
/// are held transposed, keys in rows and queries in lanes, so that sums over keys are sums of vectors. Nothing but the
/// sequence itself and its place in the shard takes part in its bits.
public struct Attention: Sendable {
    /// Whose context is computed.
    public enum Queries: Sendable {
        /// Every token's: queries, contexts and their gradients have a row for each token.
        case all
        /// The first token's of each sequence: they have a row for each sequence. It gets the bits that it has among all.
        case first
    }

    let headCount: Int
    let headSize: Int
    let queries: Queries
    let dropout: DropoutSite

    /// - Parameters:
    ///   - headCount: attention heads; each takes `headSize` of the hidden columns.
    ///   - dropout: of the attention probabilities.
    public init(headCount: Int, headSize: Int, queries: Queries = .all, dropout: DropoutSite) {
        self.headCount = headCount
        self.headSize = headSize
        self.queries = queries
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
    ///   - projections: of the shard's tokens.
    ///   - bias: [3 · hiddenSize], to be added to each row of query, key and value.
    ///   - sequenceOffsets: the shard's boundaries; the first names the row that `projections` begins with.
    ///   - statistics: `statisticsCount` elements; overwritten by what the backward pass needs of the softmax.
    ///   - context: [queries, hiddenSize]; overwritten.
    ///   - scratch: memory for some attention heads of one sequence.
    public func forward(
        _ projections: AttentionProjections<MatrixView>, bias: VectorView, sequenceOffsets: ArraySlice<Int>,
        statistics: VectorView, into context: MatrixView, scratch: GrowingBuffer
    ) {
        requireSizes(projections, bias, context)
        forEachSequence(sequenceOffsets, statistics) { rows, queries, statistics in
            let group = AttentionGroup(length: rows.count, headSize, of: headCount)
            let tiles = AttentionForwardTiles(group, scratch)
            for heads in group.ranges(of: headCount) {
                let (query, key, value) = parts(of: projections, queries, rows, bias, heads)
                group.pack(query.rows, query.vector, times: group.scale, into: tiles.query)
                group.pack(key.rows, key.vector, into: tiles.key)
                group.pack(value.rows, value.vector, into: tiles.value)
                for head in heads {
                    forward(
                        head, rows, group.rows(head - heads.lowerBound), tiles,
                        statistics.rows(2 * head..<2 * head + 2),
                        into: context.rows(queries).columns(columns(head..<head + 1)))
                }
            }
        }
    }

    /// One attention head of one sequence.
    ///
    /// - Parameters:
    ///   - rows: of the sequence within the shard.
    ///   - own: rows of the tiles that are the head's.
    private func forward(
        _ head: Int, _ rows: Range<Int>, _ own: Range<Int>, _ tiles: AttentionForwardTiles, _ statistics: MatrixView,
        into context: MatrixView
    ) {
        let (key, value, length) = (tiles.key.rows(own), tiles.value.rows(own), rows.count)
        let count = context.rows
        let pieces = 0..<wholePieces(count)
        transpose(
            tiles.query.rows(own).rows(pieces), times: AttentionGroup.logarithm,
            into: tiles.queryTransposed.columns(pieces))
        var first = 0
        while first < count {
            let panel = first..<min(first + attentionPanel, pieces.count)
            let scores = tiles.scores.columns(0..<panel.count)
            multiplyTiles(
                key.rows(0..<scores.rows).columns(0..<headSize), .asIs,
                tiles.queryTransposed.rows(0..<headSize).columns(panel), into: scores)
            softmaxColumns(
                scores, keyCount: length, statistics: statistics.columns(panel), dropout, slice: head,
                firstRow: rows.lowerBound, firstColumn: first)
            let queries = panel.clamped(to: 0..<count)
            let result = tiles.context.rows(0..<wholeQuads(queries.count))
            multiplyTiles(
                scores.rows(0..<length).columns(0..<result.rows), .transposed, value.rows(0..<length), into: result)
            copyRows(
                result, times: dropout.scale, statistics.row(1).slice(panel).slice(0..<queries.count),
                into: context.rows(queries))
            first += attentionPanel
        }
    }

    /// The backward pass of `forward`.
    ///
    /// - Parameters:
    ///   - dContext: [queries, hiddenSize].
    ///   - context, projections, bias, statistics: as in and behind the forward pass.
    ///   - dProjections: like `projections`; overwritten.
    ///   - dBias: [3 · hiddenSize]; overwritten by the sum of the rows of `dProjections`, before they are rounded.
    public func backward(
        _ dContext: MatrixView, context: MatrixView, projections: AttentionProjections<MatrixView>, bias: VectorView,
        sequenceOffsets: ArraySlice<Int>, statistics: VectorView, into dProjections: AttentionProjections<OperandView>,
        dBias: VectorView, scratch: GrowingBuffer
    ) {
        requireSizes(projections, bias, context)
        requireSizes(dProjections, dBias, dContext)
        require(
            dContext.rows == context.rows && dProjections.key.rows == projections.key.rows,
            "the gradient of an attention of unlike sizes")
        dBias.fill(0)
        forEachSequence(sequenceOffsets, statistics) { rows, queries, statistics in
            let group = AttentionGroup(length: rows.count, headSize, of: headCount)
            let tiles = AttentionBackwardTiles(group, scratch)
            for heads in group.ranges(of: headCount) {
                let (query, key, value) = parts(of: projections, queries, rows, bias, heads)
                let gradient = dContext.rows(queries).columns(columns(heads))
                group.pack(query.rows, query.vector, times: group.scale, into: tiles.query)
                group.pack(key.rows, key.vector, into: tiles.key)
                group.pack(value.rows, value.vector, into: tiles.value)
                group.pack(gradient, times: dropout.scale, into: tiles.dContext)
                group.rowProducts(gradient, context.rows(queries).columns(columns(heads)), into: tiles.products)
                for head in heads {
                    backward(
                        head, rows, tiles.head(head - heads.lowerBound, group), tiles,
                        statistics.rows(2 * head..<2 * head + 2),
                        into: parts(of: dProjections, queries, rows, dBias, head..<head + 1))
                }
            }
        }
    }

    /// One attention head of one sequence.
    private func backward(
        _ head: Int, _ rows: Range<Int>, _ own: AttentionBackwardTiles.Head, _ tiles: AttentionBackwardTiles,
        _ statistics: MatrixView, into gradient: BiasedParts<OperandView>
    ) {
        let length = rows.count
        let queries = 0..<gradient.query.rows.rows
        let pieces = 0..<wholePieces(queries.count)
        transpose(
            own.query.rows(pieces), times: AttentionGroup.logarithm, into: tiles.queryTransposed.columns(pieces))
        transpose(own.dContext.rows(pieces), times: 1, into: tiles.dContextTransposed.columns(pieces))
        let dQuery = tiles.dQuery.rows(0..<wholeQuads(queries.count))
        var first = 0
        while first < length {
            let block = first..<min(first + AttentionBackwardTiles.blockSize, length)
            let quads = 0..<wholeQuads(block.count)
            scoresBackward(
                head, first..<first + quads.count, own, tiles, statistics.columns(pieces),
                firstRow: rows.lowerBound + first)
            let (kept, dScores) = (tiles.kept.rows(quads), tiles.dScores.rows(quads))
            let result = tiles.result.rows(quads)
            multiplyTiles(kept.columns(queries), .asIs, own.dContext.rows(queries), into: result)
            copyBack(result, into: gradient.value.rows, block, sum: gradient.value.vector)
            multiplyTiles(dScores.columns(queries), .asIs, own.query.rows(queries), into: result)
            copyBack(result, into: gradient.key.rows, block, sum: gradient.key.vector)
            multiplyTiles(
                dScores.rows(0..<block.count).columns(0..<dQuery.rows), .transposed, own.key.rows(block),
                into: dQuery, adds: first > 0)
            first += AttentionBackwardTiles.blockSize
        }
        copyBack(
            dQuery, times: 1 / Float(headSize).squareRoot(), into: gradient.query.rows, queries,
            sum: gradient.query.vector)
    }

    /// The probabilities behind the dropout and the gradient of the scores for some keys and the queries of the statistics.
    private func scoresBackward(
        _ head: Int, _ keys: Range<Int>, _ own: AttentionBackwardTiles.Head, _ tiles: AttentionBackwardTiles,
        _ statistics: MatrixView, firstRow: Int
    ) {
        let (key, value) = (own.key.rows(keys).columns(0..<headSize), own.value.rows(keys).columns(0..<headSize))
        var first = 0
        while first < statistics.columns {
            let panel = first..<min(first + attentionPanel, statistics.columns)
            let kept = tiles.kept.rows(0..<keys.count).columns(panel)
            let dScores = tiles.dScores.rows(0..<keys.count).columns(panel)
            multiplyTiles(key, .asIs, tiles.queryTransposed.rows(0..<headSize).columns(panel), into: kept)
            multiplyTiles(value, .asIs, tiles.dContextTransposed.rows(0..<headSize).columns(panel), into: dScores)
            softmaxColumnsBackward(
                kept, dScores, statistics: statistics.columns(panel), products: own.products.slice(panel), dropout,
                slice: head, firstRow: firstRow, firstColumn: first)
            first += attentionPanel
        }
    }

    private func requireSizes<Matrix: SlicedMatrix>(
        _ projections: AttentionProjections<Matrix>, _ bias: VectorView, _ context: MatrixView
    ) {
        let (query, key, value) = (projections.query, projections.key, projections.value)
        require(
            [query, key, value].allSatisfy { $0.columns == headCount * headSize }
                && context.columns == headCount * headSize && bias.count == 3 * headCount * headSize
                && key.rows == value.rows && query.rows == context.rows,
            "an attention of unlike sizes")
    }

    /// Calls `body` with the rows of each sequence within the shard, those of its queries, and two rows of statistics for each
    /// attention head: the largest score of each query, and the inverse of the sum of its powers.
    @inline(__always)
    private func forEachSequence(
        _ sequenceOffsets: ArraySlice<Int>, _ statistics: VectorView,
        _ body: (_ rows: Range<Int>, _ queries: Range<Int>, MatrixView) -> Void
    ) {
        let first = sequenceOffsets.first ?? 0
        var position = 0
        for (index, (start, end)) in zip(sequenceOffsets, sequenceOffsets.dropFirst()).enumerated() where end > start {
            let width = wholePieces(end - start)
            let count = 2 * headCount * width
            let rows = start - first..<end - first
            body(
                rows, queries == .all ? rows : index..<index + 1,
                statistics.slice(position..<position + count).matrix(rows: 2 * headCount, columns: width))
            position += count
        }
    }

    /// The hidden columns of some attention heads.
    private func columns(_ heads: Range<Int>) -> Range<Int> {
        heads.lowerBound * headSize..<heads.upperBound * headSize
    }

    /// The query, key and value columns of some attention heads, with their biases or the gradients of these.
    private func parts<Matrix: SlicedMatrix>(
        of projections: AttentionProjections<Matrix>, _ queries: Range<Int>, _ rows: Range<Int>, _ bias: VectorView,
        _ heads: Range<Int>
    ) -> BiasedParts<Matrix> {
        let (own, hiddenSize) = (columns(heads), headCount * headSize)
        func part(_ matrix: Matrix, _ rows: Range<Int>, _ third: Int) -> (rows: Matrix, vector: VectorView) {
            let vector = bias.slice(own.lowerBound + third * hiddenSize..<own.upperBound + third * hiddenSize)
            return (matrix.rows(rows).columns(own), vector)
        }
        return (part(projections.query, queries, 0), part(projections.key, rows, 1), part(projections.value, rows, 2))
    }

    /// Rows, and the vector that belongs to each of them.
    private typealias BiasedParts<Matrix> = (
        query: (rows: Matrix, vector: VectorView), key: (rows: Matrix, vector: VectorView),
        value: (rows: Matrix, vector: VectorView)
    )
}

/// A matrix of either precision.
public protocol SlicedMatrix: Sendable {
    var rows: Int { get }
    var columns: Int { get }
    func rows(_ range: Range<Int>) -> Self
    func columns(_ range: Range<Int>) -> Self
}

extension MatrixView: SlicedMatrix {}
extension OperandView: SlicedMatrix {}

/// What attention is computed from, or the gradient of it.
public struct AttentionProjections<Matrix: SlicedMatrix>: Sendable {
    /// [queries, hiddenSize].
    let query: Matrix
    /// [tokens, hiddenSize].
    let key, value: Matrix

    /// - Parameters:
    ///   - query: [queries, hiddenSize].
    ///   - keyValue: [tokens, 2 · hiddenSize], side by side.
    public init(query: Matrix, keyValue: Matrix) {
        let size = keyValue.columns / 2
        (self.query, key, value) = (query, keyValue.columns(0..<size), keyValue.columns(size..<2 * size))
    }

    /// Of some of the tokens.
    ///
    /// - Parameters:
    ///   - queries: the rows of `query`.
    public func rows(_ tokens: Range<Int>, queries: Range<Int>) -> AttentionProjections {
        AttentionProjections(query: query.rows(queries), key: key.rows(tokens), value: value.rows(tokens))
    }

    private init(query: Matrix, key: Matrix, value: Matrix) {
        (self.query, self.key, self.value) = (query, key, value)
    }

    /// - Parameter all: [tokens, 3 · hiddenSize]: query, key and value side by side.
    public init(_ all: Matrix) {
        let size = all.columns / 3
        self.init(query: all.columns(0..<size), keyValue: all.columns(size..<3 * size))
    }
}
