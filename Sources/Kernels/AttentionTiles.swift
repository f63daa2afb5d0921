import LinearAlgebra

/// How many queries the tiles of scores have in their columns.
let attentionPanel = 2 * laneCount

/// The least multiple of 4 that is no less than `count`: small products compute four rows at a time.
@inline(__always)
func wholeQuads(_ count: Int) -> Int { (count &+ 3) & ~3 }

/// Rows of one attention head, padded with zeros to whole pieces, and the same transposed.
struct TransposedTile {
    /// [whole pieces of the length, whole pieces of the head size].
    let padded: MatrixView
    private let whole: MatrixView
    private let factor: Float
    private let headSize: Int

    /// - Parameter factor: of the transposed form over the padded one.
    init(_ space: inout ScratchSpace, length: Int, headSize: Int, factor: Float) {
        padded = space.matrix(rows: wholePieces(length), columns: wholePieces(headSize))
        whole = space.matrix(rows: wholePieces(headSize), columns: wholePieces(length))
        self.factor = factor
        self.headSize = headSize
    }

    static func count(length: Int, headSize: Int) -> Int {
        ScratchSpace.count(rows: wholePieces(length), columns: headSize)
            + ScratchSpace.count(rows: wholePieces(headSize), columns: length)
    }

    /// [headSize, whole pieces of the length].
    var transposed: MatrixView { whole.rows(0..<headSize) }

    func fill(_ source: MatrixView, times scale: Float) {
        copyPadded(source, times: scale, into: padded)
        transpose(padded, times: factor, into: whole)
    }
}

/// The queries of one attention head: padded they are divided by √headSize, as the gradient of the keys needs them;
/// transposed they are also multiplied by log₂ e, so that scores are exponents of 2.
struct QueryTile {
    private let tile: TransposedTile
    let scale: Float

    init(_ space: inout ScratchSpace, length: Int, headSize: Int) {
        tile = TransposedTile(&space, length: length, headSize: headSize, factor: 1.442_695_04)
        scale = 1 / Float(headSize).squareRoot()
    }

    var padded: MatrixView { tile.padded }
    var transposed: MatrixView { tile.transposed }

    func fill(_ query: MatrixView) { tile.fill(query, times: scale) }
}

/// Memory for the forward pass of one attention head of one sequence.
struct AttentionForwardTiles {
    let key, value: MatrixView
    let queries: QueryTile
    /// [keys, queries of a panel].
    let scores: MatrixView
    /// [queries of a panel, head size].
    let context: MatrixView

    init(length: Int, headSize: Int, _ scratch: GrowingBuffer) {
        let (rows, columns) = (wholePieces(length), wholePieces(headSize))
        var space = ScratchSpace(
            scratch.vector(
                2 * ScratchSpace.count(rows: rows, columns: columns)
                    + TransposedTile.count(length: length, headSize: headSize)
                    + ScratchSpace.count(rows: rows, columns: attentionPanel)
                    + ScratchSpace.count(rows: attentionPanel, columns: columns)))
        key = space.matrix(rows: rows, columns: columns)
        value = space.matrix(rows: rows, columns: columns)
        queries = QueryTile(&space, length: length, headSize: headSize)
        scores = space.matrix(rows: wholeQuads(length), columns: attentionPanel)
        context = space.matrix(rows: attentionPanel, columns: columns)
    }
}

/// Memory for the backward pass of one attention head of one sequence.
struct AttentionBackwardTiles {
    /// How many keys are worked on at a time: their gradients of scores stay in the nearest cache.
    static let blockSize = 64

    let key, value: MatrixView
    let queries: QueryTile
    let dContext: TransposedTile
    /// [keys of a block, queries]: probabilities behind the dropout; gradients of scores.
    let kept, dScores: MatrixView
    /// [keys of a block, head size].
    let result: MatrixView
    /// [queries, head size].
    let dQuery: MatrixView
    /// For each query the product of its context and that's gradient.
    let products: VectorView

    init(length: Int, headSize: Int, _ scratch: GrowingBuffer) {
        let (rows, columns) = (wholePieces(length), wholePieces(headSize))
        let block = min(Self.blockSize, rows)
        var space = ScratchSpace(
            scratch.vector(
                3 * ScratchSpace.count(rows: rows, columns: columns)
                    + 2 * TransposedTile.count(length: length, headSize: headSize)
                    + 2 * ScratchSpace.count(rows: block, columns: rows)
                    + ScratchSpace.count(rows: block, columns: columns) + ScratchSpace.count(rows: 1, columns: rows)))
        key = space.matrix(rows: rows, columns: columns)
        value = space.matrix(rows: rows, columns: columns)
        queries = QueryTile(&space, length: length, headSize: headSize)
        dContext = TransposedTile(&space, length: length, headSize: headSize, factor: 1)
        kept = space.matrix(rows: block, columns: rows)
        dScores = space.matrix(rows: block, columns: rows)
        result = space.matrix(rows: block, columns: columns)
        dQuery = space.matrix(rows: wholeQuads(length), columns: columns)
        products = space.matrix(rows: 1, columns: rows).row(0)
    }
}
