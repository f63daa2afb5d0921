import LinearAlgebra

/// `row = softmax(row)` for each row, in place, shifted by the largest element so that nothing overflows.
public func softmax(_ scores: MatrixView) {
    for row in 0..<scores.rows {
        softmaxRow(scores.base + row * scores.stride, scores.columns)
    }
}

@inline(__always)
private func softmaxRow(_ x: UnsafeMutablePointer<Float>, _ columns: Int) {
    var largest = Lanes(repeating: -.infinity)
    forEachPiece(of: columns) { offset, count in
        if count == laneCount {
            largest = largest.raised(to: x.lanes(at: offset))
        } else {
            for column in offset..<offset + count { largest = largest.raised(to: Lanes(repeating: x[column])) }
        }
    }
    let top = Lanes(repeating: largest.largest)
    var sum = Lanes(repeating: 0)
    forEachPiece(of: columns) { offset, count in
        x.storePiece(exponential(x.piece(offset, count) - top), offset, count)
        // Read back, so that the lanes behind a partial piece count as zero.
        sum += x.piece(offset, count)
    }
    let inverse = Lanes(repeating: 1 / sum.total)
    forEachPiece(of: columns) { offset, count in
        x.storePiece(x.piece(offset, count) * inverse, offset, count)
    }
}

/// The backward pass of dropout after softmax.
///
/// - Parameters:
///   - dOutput: [rows, columns], the gradient behind the dropout; overwritten by the gradient of the scores, times `scale`.
///   - probabilities: [rows, columns], the softmax before dropout.
///   - slice: which of several matrices of the same site; see `DropoutSite`.
///   - firstRow: the number of the first row within the shard.
///   - kept: [rows, columns]; overwritten by the probabilities behind the dropout, which are drawn here anyway.
package func softmaxBackward(
    _ dOutput: MatrixView, probabilities: MatrixView, dropout: DropoutSite, slice: Int, firstRow: Int, scale: Float,
    kept: MatrixView? = nil
) {
    for row in 0..<dOutput.rows {
        let (d, p) = (dOutput.base + row * dOutput.stride, probabilities.base + row * probabilities.stride)
        let target = kept?.row(row).base
        var product = Lanes(repeating: 0)
        dropout.forEachPiece(row: firstRow + row, slice: slice, columns: dOutput.columns) { offset, count, keep in
            if let target { target.storePiece(keep(p.piece(offset, count)), offset, count) }
            let dp = keep(d.piece(offset, count))
            d.storePiece(dp, offset, count)
            product = product.addingProduct(dp, p.piece(offset, count))
        }
        let mean = Lanes(repeating: product.total)
        forEachPiece(of: dOutput.columns) { offset, count in
            let ds = p.piece(offset, count) * (d.piece(offset, count) - mean)
            d.storePiece(ds * Lanes(repeating: scale), offset, count)
        }
    }
}
