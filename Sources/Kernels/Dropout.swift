import LinearAlgebra

/// One place in one shard of one step where elements are dropped, and the numbers that say which (Srivastava et al. 2014, in
/// the inverted form: kept elements are scaled up in training).
///
/// An element's fate is a pure function of (seed, step, shard, layer, site, row, column), so that forward and backward draw the
/// same mask without storing it, on whatever rank and thread. Each decision takes 16 random bits: the probability is a
/// multiple of 1/65536, and the scale is the inverse of exactly that.
public struct DropoutSite: Sendable {
    /// Where in a model elements are dropped.
    public enum Site: UInt32, Sendable {
        case embedding, attentionProbability, attentionOutput, layerOutput, pooled
    }

    let generator: Philox
    let shard: UInt32
    let place: UInt32
    let threshold: UInt32
    let scale: Float
    /// Whether anything is dropped at all.
    public var isActive: Bool { threshold != 0 }

    /// - Parameters:
    ///   - key: of the seed and the step; see `mixedKey`.
    ///   - probability: of dropping an element, from 0 to 0.999.
    public init(key: UInt64, shard: Int, layer: Int, site: Site, probability: Float) {
        require(0...0.999 ~= probability, "a dropout of \(probability)")
        generator = Philox(key: key)
        self.shard = UInt32(truncatingIfNeeded: shard)
        place = UInt32(truncatingIfNeeded: layer) << 8 | site.rawValue
        threshold = UInt32(probability * 65536 + 0.5)
        scale = 65536 / Float(65536 - threshold)
    }

    /// Nothing is dropped: evaluation.
    public static let none = DropoutSite(key: 0, shard: 0, layer: 0, site: .embedding, probability: 0)

    /// Which of 64 elements are dropped, 16 in each vector.
    struct Drops {
        let a, b, c, d: SIMDMask<SIMD16<Int32>>
    }

    /// Decides for eight counters of 128 bits each: four words of 32 bits, each two draws of 16.
    @inline(__always)
    private func drops(_ block: UInt64, _ row: Int, _ slice: Int) -> Drops {
        let lanes = SIMD8<UInt64>(0, 1, 2, 3, 4, 5, 6, 7)
        let (w0, w1, w2, w3) = generator.block(
            SIMD8(repeating: block &* 8) &+ lanes,
            SIMD8(repeating: UInt64(truncatingIfNeeded: row)),
            SIMD8(repeating: UInt64(place) | UInt64(truncatingIfNeeded: slice) &<< 20), SIMD8(repeating: UInt64(shard)))
        let shift = SIMD8<UInt64>(repeating: 32)
        let first = unsafeBitCast(w0 | (w1 &<< shift), to: SIMD16<UInt32>.self)
        let second = unsafeBitCast(w2 | (w3 &<< shift), to: SIMD16<UInt32>.self)
        // A draw in the upper half of a word is below the threshold where the word is below it shifted by 16; what stands in
        // the lower half does not count.
        let limit = SIMD16<UInt32>(repeating: threshold &<< 16)
        let half = SIMD16<UInt32>(repeating: 16)
        return Drops(a: first &<< half .< limit, b: first .< limit, c: second &<< half .< limit, d: second .< limit)
    }

    /// Draws for 64 columns of a row.
    @inline(__always)
    func drops(row: Int, block: Int) -> Drops { drops(UInt64(truncatingIfNeeded: block), row, 0) }

    /// Draws for 16 columns of four rows. Calls of one slice differ in their first row, by a multiple of 4 within a sequence, or
    /// in `columns`.
    @inline(__always)
    func drops(row: Int, slice: Int, columns: Int) -> Drops {
        if !isActive {
            let none = SIMDMask<SIMD16<Int32>>(repeating: false)
            return Drops(a: none, b: none, c: none, d: none)
        }
        return drops(UInt64(truncatingIfNeeded: columns &>> 4), row, slice)
    }

    /// `x` scaled up, with the lanes of low draws set to zero.
    @inline(__always)
    func apply(_ drops: SIMDMask<SIMD16<Int32>>, to x: Lanes) -> Lanes {
        (x * Lanes(repeating: scale)).replacing(with: 0, where: drops)
    }

    /// Calls `body(offset, count, keep)` for the pieces of one row; `keep` drops and scales a piece of 16 lanes.
    @inline(__always)
    func forEachPiece(
        row: Int, columns: Int, _ body: (_ offset: Int, _ count: Int, _ keep: (Lanes) -> Lanes) -> Void
    ) {
        if !isActive {
            LinearAlgebra.forEachPiece(of: columns) { body($0, $1, { $0 }) }
            return
        }
        var offset = 0
        while offset &+ 64 <= columns {
            let drops = drops(row: row, block: offset &>> 6)
            body(offset, 16, { apply(drops.a, to: $0) })
            body(offset &+ 16, 16, { apply(drops.b, to: $0) })
            body(offset &+ 32, 16, { apply(drops.c, to: $0) })
            body(offset &+ 48, 16, { apply(drops.d, to: $0) })
            offset &+= 64
        }
        if offset < columns {
            let drops = drops(row: row, block: offset &>> 6)
            let rest = columns &- offset
            body(offset, min(rest, 16), { apply(drops.a, to: $0) })
            if rest > 16 { body(offset &+ 16, min(rest &- 16, 16), { apply(drops.b, to: $0) }) }
            if rest > 32 { body(offset &+ 32, min(rest &- 32, 16), { apply(drops.c, to: $0) }) }
            if rest > 48 { body(offset &+ 48, rest &- 48, { apply(drops.d, to: $0) }) }
        }
    }
}

/// `output = dropout(input)`, rows and columns counted from this shard's first; also its own backward: the gradient passes
/// where the element did. `output` may be `input`.
public func dropOut(_ input: MatrixView, _ dropout: DropoutSite, into output: MatrixView) {
    require(input.rows == output.rows && input.columns == output.columns, "dropout between matrices of unlike sizes")
    for row in 0..<input.rows {
        let (source, target) = (input.base + row * input.stride, output.base + row * output.stride)
        dropout.forEachPiece(row: row, columns: input.columns) { offset, count, keep in
            target.storePiece(keep(source.piece(offset, count)), offset, count)
        }
    }
}
