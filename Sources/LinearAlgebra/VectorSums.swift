/// `target += addend`, element by element.
public func add(_ addend: VectorView, to target: VectorView) {
    require(addend.count == target.count, "a sum of vectors of \(addend.count) and \(target.count) elements")
    let (source, sum) = (addend.base, target.base)
    forEachPiece(of: target.count) { offset, count in
        sum.storePiece(sum.piece(offset, count) + source.piece(offset, count), offset, count)
    }
}

/// `target = left + right`, element by element; `target` may be either.
public func add(_ left: VectorView, _ right: VectorView, into target: VectorView) {
    require(
        left.count == target.count && right.count == target.count,
        "a sum of vectors of \(left.count) and \(right.count) elements into \(target.count)")
    let (first, second, sum) = (left.base, right.base, target.base)
    forEachPiece(of: target.count) { offset, count in
        sum.storePiece(first.piece(offset, count) + second.piece(offset, count), offset, count)
    }
}

/// The sum of squares in `Double`, in a fixed order: eight partial sums, added as a tree.
public func sumOfSquares(_ vector: VectorView) -> Double {
    var (low, high) = (SIMD8<Double>(repeating: 0), SIMD8<Double>(repeating: 0))
    let base = vector.base
    forEachPiece(of: vector.count) { offset, count in
        let lanes = base.piece(offset, count)
        let (first, second) = (SIMD8<Double>(lanes.lowHalf), SIMD8<Double>(lanes.highHalf))
        low += first * first
        high += second * second
    }
    let eight = low + high
    let four = eight.lowHalf + eight.highHalf
    return (four.x + four.y) + (four.z + four.w)
}

/// Splits a count of parts where the balanced binary tree over them divides: the left side is the largest power of two below
/// the count, so that the sums over aligned parts come out the same wherever they are computed.
@inlinable
public func treeSplit(_ count: Int) -> Int {
    require(count > 1, "a tree of one part does not divide")
    var left = 1
    while left * 2 < count { left *= 2 }
    return left
}

/// How many temporaries the sum over a tree of `count` parts holds at once, at least one.
@inlinable
public func treeDepth(_ count: Int) -> Int { Int.bitWidth - max(count, 1).leadingZeroBitCount }

/// The sum of the rows as the balanced binary tree over them; `sum` [columns] is overwritten, the rows are used up.
public func treeSum(_ rows: MatrixView, into sum: VectorView) {
    sum.copy(from: rows.row(treeSumInPlace(rows, 0..<rows.rows)))
}

private func treeSumInPlace(_ rows: MatrixView, _ range: Range<Int>) -> Int {
    if range.count == 1 { return range.lowerBound }
    let middle = range.lowerBound + treeSplit(range.count)
    let left = treeSumInPlace(rows, range.lowerBound..<middle)
    let right = treeSumInPlace(rows, middle..<range.upperBound)
    add(rows.row(right), to: rows.row(left))
    return left
}
