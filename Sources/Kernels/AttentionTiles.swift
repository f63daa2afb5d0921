import LinearAlgebra

/// How many queries the tiles of scores have in their columns.
let attentionPanel = 2 * laneCount

/// The least multiple of 4 that is no less than `count`: small products compute four rows at a time.
@inline(__always)
func wholeQuads(_ count: Int) -> Int { (count &+ 3) & ~3 }

/// Attention heads of one sequence that are fetched together, so that memory is read in runs longer than the few columns
/// of one. Their tiles lie below each other, each in whole pieces; what stands behind the length is whatever it was.
struct AttentionGroup {
    /// Elements of a matrix of the group, about: a few of them fit the second cache beside the tiles of scores.
    private static let elements = 1 << 14
    /// log₂ e: scores are exponents of 2.
    static let logarithm: Float = 1.442_695_04

    let length: Int
    let headSize: Int
    let headCount: Int

    init(length: Int, _ headSize: Int, of allHeads: Int) {
        self.length = length
        self.headSize = headSize
        headCount = min(max(Self.elements / (length * headSize), 1), allHeads)
    }

    /// 1/√headSize.
    var scale: Float { 1 / Float(headSize).squareRoot() }
    /// Rows and columns of the tile of one head.
    var tile: (rows: Int, columns: Int) { (wholePieces(length), wholePieces(headSize)) }

    func ranges(of allHeads: Int) -> some Sequence<Range<Int>> {
        stride(from: 0, to: allHeads, by: headCount).lazy.map { $0..<min($0 + headCount, allHeads) }
    }

    /// The rows of the tile of the group's head `index`.
    func rows(_ index: Int) -> Range<Int> { index * tile.rows..<(index + 1) * tile.rows }

    /// `tiles = factor · (rows + bias)`, head by head.
    ///
    /// - Parameters:
    ///   - rows: [at most length, heads · headSize].
    ///   - bias: [heads · headSize]; nil adds nothing.
    ///   - tiles: [heads · rows of a tile, columns of a tile].
    func pack(_ rows: MatrixView, _ bias: VectorView? = nil, times factor: Float = 1, into tiles: MatrixView) {
        let (lanes, tile) = (Lanes(repeating: factor), tile)
        let heads = rows.columns / headSize
        require(
            rows.rows <= length && heads * tile.rows <= tiles.rows && tiles.columns == tile.columns
                && (bias?.count ?? rows.columns) == rows.columns, "tiles of unlike sizes")
        for row in 0..<rows.rows {
            for head in 0..<heads {
                let from = rows.base + row &* rows.stride + head &* headSize
                let to = tiles.base + (head &* tile.rows &+ row) &* tiles.stride
                if let bias {
                    let vector = bias.base + head &* headSize
                    forEachPiece(of: headSize) { offset, count in
                        to.store((from.piece(offset, count) + vector.piece(offset, count)) * lanes, at: offset)
                    }
                } else {
                    forEachPiece(of: headSize) { offset, count in
                        to.store(from.piece(offset, count) * lanes, at: offset)
                    }
                }
            }
        }
    }

    /// `products[head · rows of a tile + row] = Σ left · right` over the columns of the head.
    ///
    /// - Parameters:
    ///   - left, right: [at most length, heads · headSize].
    func rowProducts(_ left: MatrixView, _ right: MatrixView, into products: VectorView) {
        let (heads, tileRows) = (left.columns / headSize, tile.rows)
        require(
            left.rows <= length && right.rows == left.rows && left.columns == right.columns
                && heads * tileRows <= products.count, "products of rows of unlike sizes")
        for row in 0..<left.rows {
            for head in 0..<heads {
                let x = left.base + row &* left.stride + head &* headSize
                let y = right.base + row &* right.stride + head &* headSize
                var sum = Lanes(repeating: 0)
                forEachPiece(of: headSize) { offset, count in
                    sum = sum.addingProduct(x.piece(offset, count), y.piece(offset, count))
                }
                products.base[head &* tileRows &+ row] = sum.total
            }
        }
    }
}

/// Memory for the forward pass of a group of attention heads.
struct AttentionForwardTiles {
    /// One tile of each head.
    let query, key, value: MatrixView
    /// [head size, queries].
    let queryTransposed: MatrixView
    /// [keys, queries of a panel].
    let scores: MatrixView
    /// [queries of a panel, head size].
    let context: MatrixView

    init(_ group: AttentionGroup, _ scratch: GrowingBuffer) {
        var measured = ScratchSpace()
        _ = Self(group, &measured)
        var space = ScratchSpace(scratch.vector(measured.count))
        self.init(group, &space)
    }

    private init(_ group: AttentionGroup, _ space: inout ScratchSpace) {
        let (rows, columns) = group.tile
        query = space.matrix(rows: group.headCount * rows, columns: columns)
        key = space.matrix(rows: group.headCount * rows, columns: columns)
        value = space.matrix(rows: group.headCount * rows, columns: columns)
        queryTransposed = space.matrix(rows: columns, columns: rows)
        scores = space.matrix(rows: wholeQuads(group.length), columns: attentionPanel)
        context = space.matrix(rows: attentionPanel, columns: columns)
    }
}

/// Memory for the backward pass of a group of attention heads.
struct AttentionBackwardTiles {
    /// How many keys are worked on at a time: their gradients of scores stay in the nearest cache.
    static let blockSize = 64

    /// One tile of each head.
    let query, key, value, dContext: MatrixView
    /// For each query of each head the product of its context and that's gradient.
    let products: VectorView
    /// [head size, queries].
    let queryTransposed, dContextTransposed: MatrixView
    /// [keys of a block, queries]: probabilities behind the dropout; gradients of scores.
    let kept, dScores: MatrixView
    /// [keys of a block, head size].
    let result: MatrixView
    /// [queries, head size].
    let dQuery: MatrixView

    /// The tiles of one head.
    struct Head {
        let query, key, value, dContext: MatrixView
        let products: VectorView
    }

    func head(_ index: Int, _ group: AttentionGroup) -> Head {
        let rows = group.rows(index)
        return Head(
            query: query.rows(rows), key: key.rows(rows), value: value.rows(rows), dContext: dContext.rows(rows),
            products: products.slice(rows))
    }

    init(_ group: AttentionGroup, _ scratch: GrowingBuffer) {
        var measured = ScratchSpace()
        _ = Self(group, &measured)
        var space = ScratchSpace(scratch.vector(measured.count))
        self.init(group, &space)
    }

    private init(_ group: AttentionGroup, _ space: inout ScratchSpace) {
        let (rows, columns) = group.tile
        let block = min(Self.blockSize, rows)
        query = space.matrix(rows: group.headCount * rows, columns: columns)
        key = space.matrix(rows: group.headCount * rows, columns: columns)
        value = space.matrix(rows: group.headCount * rows, columns: columns)
        dContext = space.matrix(rows: group.headCount * rows, columns: columns)
        products = space.matrix(rows: 1, columns: group.headCount * rows).row(0)
        queryTransposed = space.matrix(rows: columns, columns: rows)
        dContextTransposed = space.matrix(rows: columns, columns: rows)
        kept = space.matrix(rows: block, columns: rows)
        dScores = space.matrix(rows: block, columns: rows)
        result = space.matrix(rows: block, columns: columns)
        dQuery = space.matrix(rows: wholeQuads(group.length), columns: columns)
    }
}
