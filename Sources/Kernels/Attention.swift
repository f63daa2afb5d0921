import LinearAlgebra

/// Self-attention over packed sequences (Vaswani et al. 2017, section 3.2): each sequence attends to itself only, so that no
/// padding and no mask exist.
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

    /// How many elements the probabilities of the sequences take, over all heads: a square matrix for each, its rows rounded
    /// up to whole pieces of 16, so that no row needs the slow path for the rest.
    public static func probabilityCount(headCount: Int, _ sequenceOffsets: ArraySlice<Int>) -> Int {
        zip(sequenceOffsets, sequenceOffsets.dropFirst()).reduce(0) {
            $0 + headCount * ($1.1 - $1.0) * rowLength($1.1 - $1.0)
        }
    }

    private static func rowLength(_ length: Int) -> Int { (length + laneCount - 1) / laneCount * laneCount }

    /// `context = dropout(softmax(query · keyᵀ / √headSize)) · value` for every sequence and attention head.
    ///
    /// - Parameters:
    ///   - projections: [tokens of the shard, 3 · hiddenSize]: query, key and value side by side, biases added.
    ///   - sequenceOffsets: the shard's boundaries; the first names the row that `projections` begins with.
    ///   - probabilities: `probabilityCount` elements; overwritten by the softmax before dropout.
    ///   - context: [tokens of the shard, hiddenSize]; overwritten.
    ///   - scratch: memory for one sequence's matrix.
    public func forward(
        _ projections: MatrixView, sequenceOffsets: ArraySlice<Int>, probabilities: VectorView,
        into context: MatrixView,
        scratch: GrowingBuffer
    ) {
        let scale = 1 / Float(headSize).squareRoot()
        forEachHead(projections, context, sequenceOffsets, probabilities) { head in
            let length = head.rows.count
            // Beyond the sequence stand scores that softmax turns into (next to) nothing.
            fillRest(of: head.probabilities, with: -.infinity)
            let scores = head.probabilities.columns(0..<length)
            multiply(head.query, .asIs, head.key, .transposed, into: scores, scale: scale)
            softmax(head.probabilities)
            let kept = dropped(head, scratch)
            multiply(kept.columns(0..<length), head.value, into: head.context)
        }
    }

    /// The backward pass of `forward`.
    ///
    /// - Parameters:
    ///   - dContext: [tokens of the shard, hiddenSize].
    ///   - projections, probabilities: as in and behind the forward pass.
    ///   - dProjections: [tokens of the shard, 3 · hiddenSize]; overwritten.
    public func backward(
        _ dContext: MatrixView, projections: MatrixView, sequenceOffsets: ArraySlice<Int>, probabilities: VectorView,
        into dProjections: MatrixView, scratch: GrowingBuffer, gradientScratch: GrowingBuffer
    ) {
        require(
            dProjections.rows == projections.rows && dProjections.columns == projections.columns,
            "the gradient of an attention of unlike sizes")
        let scale = 1 / Float(headSize).squareRoot()
        forEachHead(projections, dContext, sequenceOffsets, probabilities) { head in
            let gradient = part(of: dProjections, head.rows, head.index)
            let (length, probabilities) = (head.rows.count, head.probabilities)
            let dRows = gradientScratch.matrix(rows: length, columns: probabilities.columns)
            let kept = dropout.isActive ? scratch.matrix(rows: length, columns: probabilities.columns) : probabilities
            let dScores = dRows.columns(0..<length)
            fillRest(of: dRows, with: 0)
            multiply(head.context, .asIs, head.value, .transposed, into: dScores)
            softmaxBackward(
                dRows, probabilities: probabilities, dropout: dropout, slice: head.index,
                firstRow: head.rows.lowerBound, scale: scale, kept: dropout.isActive ? kept : nil)
            multiply(kept.columns(0..<length), .transposed, head.context, .asIs, into: gradient.value)
            multiply(dScores, head.key, into: gradient.query)
            multiply(dScores, .transposed, head.query, .asIs, into: gradient.key)
        }
    }

    /// Fills the last 16 columns, before a product overwrites those of them that belong to the sequence.
    private func fillRest(of matrix: MatrixView, with value: Float) {
        let rest = Lanes(repeating: value)
        for row in 0..<matrix.rows { matrix.row(row).base.store(rest, at: matrix.columns - laneCount) }
    }

    /// One attention head of one sequence. `context` is the context, or its gradient in the backward pass.
    private struct Head {
        let index: Int
        let rows: Range<Int>
        let query, key, value, context, probabilities: MatrixView
    }

    private func forEachHead(
        _ projections: MatrixView, _ context: MatrixView, _ sequenceOffsets: ArraySlice<Int>,
        _ probabilities: VectorView,
        _ body: (Head) -> Void
    ) {
        require(
            projections.columns == 3 * headCount * headSize && context.columns == headCount * headSize
                && context.rows == projections.rows, "an attention of unlike sizes")
        let first = sequenceOffsets.first ?? 0
        var position = 0
        for (start, end) in zip(sequenceOffsets, sequenceOffsets.dropFirst()) {
            let (rows, length, width) = (start - first..<end - first, end - start, Self.rowLength(end - start))
            for index in 0..<headCount {
                let (query, key, value) = part(of: projections, rows, index)
                let columns = index * headSize..<(index + 1) * headSize
                body(
                    Head(
                        index: index, rows: rows, query: query, key: key, value: value,
                        context: context.rows(rows).columns(columns),
                        probabilities: probabilities.slice(position..<position + length * width)
                            .matrix(rows: length, columns: width)))
                position += length * width
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

    /// The probabilities behind the dropout: themselves where nothing is dropped.
    private func dropped(_ head: Head, _ scratch: GrowingBuffer) -> MatrixView {
        if !dropout.isActive { return head.probabilities }
        let (rows, columns) = (head.probabilities.rows, head.probabilities.columns)
        let kept = scratch.matrix(rows: rows, columns: columns)
        for row in 0..<rows {
            let (source, target) = (head.probabilities.row(row).base, kept.row(row).base)
            dropout.forEachPiece(row: head.rows.lowerBound + row, slice: head.index, columns: columns) {
                target.storePiece($2(source.piece($0, $1)), $0, $1)
            }
        }
        return kept
    }
}
