/// The dot product in `Double`, in a fixed order: eight partial sums, added as a tree. Of a vector with itself it has the bits of
/// `sumOfSquares`.
public func dotProduct(_ left: VectorView, _ right: VectorView) -> Double {
    require(
        left.count == right.count, "a dot product of vectors of \(left.count) and \(right.count) elements")
    var sum = DotProduct()
    let (first, second) = (left.base, right.base)
    forEachPiece(of: left.count) { offset, count in
        sum.add(WideLanes(first.piece(offset, count)), WideLanes(second.piece(offset, count)))
    }
    return sum.total
}

/// Adds the dot products of all pairs of vectors over a range of their elements, each with the bits of `dotProduct`.
///
/// - Parameters:
///   - vectors: of one size.
///   - sums: for each pair (0, 0), (0, 1), …, (1, 1), … what its product is added to.
public func addDotProducts(_ vectors: [VectorView], in range: Range<Int>, to sums: inout ArraySlice<Double>) {
    let count = vectors.count
    require(sums.count == count * (count + 1) / 2, "\(sums.count) sums for the pairs of \(count) vectors")
    let parts = vectors.map { $0.slice(range) }
    func add(_ product: Double, _ row: Int, _ column: Int) {
        sums[sums.startIndex + row * count - row * (row - 1) / 2 + column - row] += product
    }
    for row in stride(from: 0, to: count, by: 2) {
        for column in stride(from: row, to: count, by: 2) {
            guard row + 1 < count, column + 1 < count else {
                for row in row..<min(row + 2, count) {
                    for column in max(row, column)..<min(column + 2, count) {
                        add(dotProduct(parts[row], parts[column]), row, column)
                    }
                }
                continue
            }
            let products = dotProducts(parts[row], parts[row + 1], parts[column], parts[column + 1])
            add(products.ac, row, column)
            add(products.ad, row, column + 1)
            if column > row { add(products.bc, row + 1, column) }
            add(products.bd, row + 1, column + 1)
        }
    }
}

/// Four products at once: every element is read and widened for two of them.
private func dotProducts(_ a: VectorView, _ b: VectorView, _ c: VectorView, _ d: VectorView) -> (
    ac: Double, ad: Double, bc: Double, bd: Double
) {
    var (ac, ad, bc, bd) = (DotProduct(), DotProduct(), DotProduct(), DotProduct())
    let (a, b, c, d, size) = (a.base, b.base, c.base, d.base, a.count)
    forEachPiece(of: size) { offset, count in
        let (a, b) = (WideLanes(a.piece(offset, count)), WideLanes(b.piece(offset, count)))
        let (c, d) = (WideLanes(c.piece(offset, count)), WideLanes(d.piece(offset, count)))
        ac.add(a, c)
        ad.add(a, d)
        bc.add(b, c)
        bd.add(b, d)
    }
    return (ac.total, ad.total, bc.total, bd.total)
}

/// Sixteen elements in `Double`.
private struct WideLanes {
    let low, high: SIMD8<Double>

    @inline(__always)
    init(_ lanes: Lanes) { (low, high) = (SIMD8(lanes.lowHalf), SIMD8(lanes.highHalf)) }
}

/// Partial sums of a dot product. Products of two `Float`s are exact in `Double`, so that adding them in one instruction or in two
/// gives the same bits.
private struct DotProduct {
    private var low = SIMD8<Double>(repeating: 0)
    private var high = SIMD8<Double>(repeating: 0)

    @inline(__always)
    mutating func add(_ left: WideLanes, _ right: WideLanes) {
        low = low.addingProduct(left.low, right.low)
        high = high.addingProduct(left.high, right.high)
    }

    @inline(__always)
    var total: Double {
        let eight = low + high
        let four = eight.lowHalf + eight.highHalf
        return (four.x + four.y) + (four.z + four.w)
    }
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
