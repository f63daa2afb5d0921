/// The dot product in `Double`, in a fixed order: eight partial sums, added as a tree. Of a vector with itself it has the bits of
/// `sumOfSquares`.
public func dotProduct(_ left: VectorView, _ right: VectorView) -> Double {
    require(
        left.count == right.count, "a dot product of vectors of \(left.count) and \(right.count) elements")
    var (low, high) = (SIMD8<Double>(repeating: 0), SIMD8<Double>(repeating: 0))
    let (first, second) = (left.base, right.base)
    forEachPiece(of: left.count) { offset, count in
        let (x, y) = (first.piece(offset, count), second.piece(offset, count))
        low += SIMD8<Double>(x.lowHalf) * SIMD8<Double>(y.lowHalf)
        high += SIMD8<Double>(x.highHalf) * SIMD8<Double>(y.highHalf)
    }
    let eight = low + high
    let four = eight.lowHalf + eight.highHalf
    return (four.x + four.y) + (four.z + four.w)
}

/// `target = Σ factors[k] · terms[k]` for a range of the elements, added in the order of the terms, in one pass over them.
///
/// - Parameters:
///   - terms: at least one, and as many as `factors`; of the size of `target`, which may be one of them.
///   - range: which elements of `target` are overwritten.
public func combine(_ terms: [VectorView], factors: [Float], in range: Range<Int>, into target: VectorView) {
    require(!terms.isEmpty && terms.count == factors.count, "\(terms.count) vectors with \(factors.count) factors")
    require(terms.allSatisfy { $0.count == target.count }, "a combination of vectors of different sizes")
    let (sum, start) = (target.slice(range).base, range.lowerBound)
    terms.withUnsafeBufferPointer { terms in
        factors.withUnsafeBufferPointer { factors in
            forEachPiece(of: range.count) { offset, count in
                var lanes = terms[0].base.piece(start + offset, count) * Lanes(repeating: factors[0])
                for index in 1..<terms.count {
                    lanes += terms[index].base.piece(start + offset, count) * Lanes(repeating: factors[index])
                }
                sum.storePiece(lanes, offset, count)
            }
        }
    }
}
