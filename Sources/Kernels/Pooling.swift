import LinearAlgebra

/// `x = tanh(x + bias)` in place: the end of BERT's pooler.
///
/// - Parameters:
///   - matrix: [sequences, hiddenSize].
///   - bias: [hiddenSize].
public func addBiasAndTanh(_ bias: VectorView, _ matrix: MatrixView) {
    require(bias.count == matrix.columns, "a bias of \(bias.count) elements for \(matrix.columns) columns")
    for row in 0..<matrix.rows {
        let x = matrix.base + row * matrix.stride
        forEachPiece(of: matrix.columns) { offset, count in
            let sum = x.piece(offset, count) + bias.base.piece(offset, count)
            x.storePiece(hyperbolicTangent(sum), offset, count)
        }
    }
}

/// The backward pass of tanh: `gradient` [sequences, hiddenSize] becomes `gradient · (1 − output²)`.
public func tanhBackward(_ gradient: MatrixView, output: MatrixView) {
    require(
        gradient.rows == output.rows && gradient.columns == output.columns, "the gradient of tanh between unlike sizes")
    for row in 0..<gradient.rows {
        let (d, y) = (gradient.base + row * gradient.stride, output.base + row * output.stride)
        forEachPiece(of: gradient.columns) { offset, count in
            let value = y.piece(offset, count)
            d.storePiece(d.piece(offset, count) * (Lanes(repeating: 1) - value * value), offset, count)
        }
    }
}

/// The mean of each sequence's rows (Reimers and Gurevych, "Sentence-BERT", EMNLP 2019, section 3).
///
/// - Parameters:
///   - rows: [tokens, hiddenSize].
///   - sequenceOffsets: [sequences + 1], in rows; no sequence is empty.
///   - means: [sequences, hiddenSize]; overwritten.
public func meanRows(_ rows: MatrixView, sequenceOffsets: ArraySlice<Int>, into means: MatrixView) {
    requireSequences(rows, sequenceOffsets, means)
    for (sequence, bounds) in zip(sequenceOffsets, sequenceOffsets.dropFirst()).enumerated() {
        let target = means.row(sequence)
        target.copy(from: rows.row(bounds.0))
        for row in bounds.0 + 1..<max(bounds.0 + 1, bounds.1) { add(rows.row(row), to: target) }
        scale(target, by: 1 / Float(bounds.1 - bounds.0))
    }
}

/// The backward pass of `meanRows`: every row of a sequence gets the same part of the gradient of its mean.
///
/// - Parameters:
///   - dMeans: [sequences, hiddenSize]; used up.
///   - dRows: [tokens, hiddenSize]; overwritten.
public func meanRowsBackward(_ dMeans: MatrixView, sequenceOffsets: ArraySlice<Int>, into dRows: MatrixView) {
    requireSequences(dRows, sequenceOffsets, dMeans)
    for (sequence, bounds) in zip(sequenceOffsets, sequenceOffsets.dropFirst()).enumerated() {
        let source = dMeans.row(sequence)
        scale(source, by: 1 / Float(bounds.1 - bounds.0))
        for row in bounds.0..<bounds.1 { dRows.row(row).copy(from: source) }
    }
}

private func scale(_ vector: VectorView, by factor: Float) {
    forEachPiece(of: vector.count) { offset, count in
        vector.base.storePiece(vector.base.piece(offset, count) * Lanes(repeating: factor), offset, count)
    }
}

private func requireSequences(_ rows: MatrixView, _ offsets: ArraySlice<Int>, _ means: MatrixView) {
    let isCovered = offsets.first == 0 && offsets.last == rows.rows && offsets.count == means.rows + 1
    let hasNoEmpty = zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 }
    require(isCovered && hasNoEmpty && rows.columns == means.columns, "sequences that do not cover the rows")
}
