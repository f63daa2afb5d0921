import LinearAlgebra

/// Softmax over the keys, each lane of a column of vectors a query, and dropout behind it; not yet divided by the sums.
///
/// - Parameters:
///   - scores: [keys rounded up to fours, queries]: exponents of 2; overwritten by 2^(score − largest score of the query),
///     zero where dropped. Dropout's scale is left to the caller, as is the division by the sum.
///   - keyCount: rows of `scores` that are keys.
///   - statistics: [2, queries]; overwritten by the largest score and the inverse of the sum before dropout.
///   - slice: which of several matrices of the same site; see `DropoutSite`.
///   - firstRow, firstColumn: the numbers of the first key within the shard and of the first query within the sequence.
func softmaxColumns(
    _ scores: MatrixView, keyCount: Int, statistics: MatrixView, _ dropout: DropoutSite, slice: Int, firstRow: Int,
    firstColumn: Int
) {
    require(
        scores.columns == statistics.columns && scores.rows == wholeQuads(keyCount)
            && (scores.columns | firstColumn) & (laneCount - 1) == 0, "a softmax of unlike sizes")
    // What is no key turns into (next to) nothing beside any key.
    for row in keyCount..<scores.rows { scores.row(row).fill(-.infinity) }
    let stride = scores.stride
    for column in Swift.stride(from: 0, to: scores.columns, by: laneCount) {
        var x = scores.base + column
        var (most, other) = (Lanes(repeating: -.infinity), Lanes(repeating: -.infinity))
        for _ in 0..<scores.rows &>> 2 {
            most = most.raised(to: x.lanes(at: 0)).raised(to: x.lanes(at: stride))
            other = other.raised(to: x.lanes(at: 2 &* stride)).raised(to: x.lanes(at: 3 &* stride))
            x += 4 &* stride
        }
        let largest = most.raised(to: other)
        var sum = Lanes(repeating: 0)
        x = scores.base + column
        for quad in 0..<scores.rows &>> 2 {
            let drops = dropout.drops(
                row: firstRow &+ 4 &* quad, slice: slice, columns: firstColumn &+ column)
            let a = powerOfTwo(x.lanes(at: 0) - largest)
            let b = powerOfTwo(x.lanes(at: stride) - largest)
            let c = powerOfTwo(x.lanes(at: 2 &* stride) - largest)
            let d = powerOfTwo(x.lanes(at: 3 &* stride) - largest)
            sum += (a + b) + (c + d)
            x.store(a.replacing(with: 0, where: drops.a), at: 0)
            x.store(b.replacing(with: 0, where: drops.b), at: stride)
            x.store(c.replacing(with: 0, where: drops.c), at: 2 &* stride)
            x.store(d.replacing(with: 0, where: drops.d), at: 3 &* stride)
            x += 4 &* stride
        }
        statistics.base.store(largest, at: column)
        statistics.base.store(Lanes(repeating: 1) / sum, at: statistics.stride &+ column)
    }
}

/// The backward pass of `softmaxColumns` and the division behind it.
///
/// - Parameters:
///   - scores: [keys in fours, queries], as before `softmaxColumns`; overwritten by the probabilities, zero where dropped.
///   - dOutput: [keys in fours, queries], the gradient behind the dropout, times its scale; overwritten by the gradient of
///     the scores as exponents of e.
///   - statistics: as `softmaxColumns` left them.
///   - products: [queries], the sum over all keys of probability and gradient.
///   - slice, firstRow, firstColumn: as in `softmaxColumns`.
func softmaxColumnsBackward(
    _ scores: MatrixView, _ dOutput: MatrixView, statistics: MatrixView, products: VectorView, _ dropout: DropoutSite,
    slice: Int, firstRow: Int, firstColumn: Int
) {
    require(
        scores.columns == statistics.columns && scores.columns == products.count && scores.rows == dOutput.rows
            && scores.columns == dOutput.columns && scores.rows & 3 == 0
            && (scores.columns | firstColumn) & (laneCount - 1) == 0, "the gradient of a softmax of unlike sizes")
    for column in stride(from: 0, to: scores.columns, by: laneCount) {
        let largest = statistics.base.lanes(at: column)
        let inverse = statistics.base.lanes(at: statistics.stride &+ column)
        let product = products.base.lanes(at: column)
        let zero = Lanes(repeating: 0)
        var (x, y) = (scores.base + column, dOutput.base + column)
        let (s, t) = (scores.stride, dOutput.stride)
        for quad in 0..<scores.rows &>> 2 {
            let drops = dropout.drops(row: firstRow &+ 4 &* quad, slice: slice, columns: firstColumn &+ column)
            let a = powerOfTwo(x.lanes(at: 0) - largest) * inverse
            let b = powerOfTwo(x.lanes(at: s) - largest) * inverse
            let c = powerOfTwo(x.lanes(at: 2 &* s) - largest) * inverse
            let d = powerOfTwo(x.lanes(at: 3 &* s) - largest) * inverse
            x.store(a.replacing(with: zero, where: drops.a), at: 0)
            x.store(b.replacing(with: zero, where: drops.b), at: s)
            x.store(c.replacing(with: zero, where: drops.c), at: 2 &* s)
            x.store(d.replacing(with: zero, where: drops.d), at: 3 &* s)
            y.store(a * (y.lanes(at: 0).replacing(with: zero, where: drops.a) - product), at: 0)
            y.store(b * (y.lanes(at: t).replacing(with: zero, where: drops.b) - product), at: t)
            y.store(c * (y.lanes(at: 2 &* t).replacing(with: zero, where: drops.c) - product), at: 2 &* t)
            y.store(d * (y.lanes(at: 3 &* t).replacing(with: zero, where: drops.d) - product), at: 3 &* t)
            x += 4 &* s
            y += 4 &* t
        }
    }
}
