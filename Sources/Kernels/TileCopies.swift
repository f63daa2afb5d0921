import LinearAlgebra

/// The least whole number of pieces of 16 that holds `count` elements, as elements.
@inline(__always)
func wholePieces(_ count: Int) -> Int { (count &+ laneCount &- 1) & ~(laneCount &- 1) }

/// Takes matrices one after the other from scratch memory.
struct ScratchSpace {
    private let base: UnsafeMutablePointer<Float>
    private let capacity: Int
    /// How many elements were taken.
    private(set) var count = 0

    init(_ memory: VectorView) {
        base = memory.base
        capacity = memory.count
    }

    /// No memory at all, only to learn how much would be taken: what is taken from it must not be used.
    init() {
        base = UnsafeMutablePointer(bitPattern: 64)!
        capacity = .max
    }

    /// A matrix whose rows begin an odd number of cache lines apart, so that a walk down a column meets all sets of a cache.
    mutating func matrix(rows: Int, columns: Int) -> MatrixView {
        let stride = (wholePieces(columns) / laneCount | 1) * laneCount
        let start = count
        count += rows * stride
        require(count <= capacity, "scratch memory of \(capacity) elements where \(count) are taken")
        return MatrixView(base + start, rows: rows, columns: columns, stride: stride)
    }
}

/// `target[row] = scale · factors[row] · source[row]` for the rows and columns that `target` has; `source` has whole pieces.
func copyRows(_ source: MatrixView, times scale: Float, _ factors: VectorView, into target: MatrixView) {
    require(
        source.rows >= target.rows && factors.count == target.rows && source.columns == wholePieces(target.columns),
        "a copy of rows of unlike sizes")
    for row in 0..<target.rows {
        let (from, to) = (source.base + row &* source.stride, target.base + row &* target.stride)
        let lanes = Lanes(repeating: factors.base[row] * scale)
        forEachPiece(of: target.columns) { offset, count in
            to.storePiece(from.lanes(at: offset) * lanes, offset, count)
        }
    }
}

/// `target = scale · source` for the rows `range` of the target; they are added to `sum` one after the other, before they are
/// rounded.
func copyBack(
    _ source: MatrixView, times scale: Float = 1, into target: OperandView, _ range: Range<Int>, sum: VectorView
) {
    let target = target.rows(range)
    require(
        source.rows >= target.rows && source.columns == wholePieces(target.columns) && sum.count == target.columns,
        "a copy back of unlike sizes")
    switch target {
    case .single(let rows): copyBack(source, scale, OperandRows(rows), rows.rows, sum)
    case .half(let rows): copyBack(source, scale, OperandRows(rows), rows.rows, sum)
    }
}

@inline(__always)
private func copyBack<Element: OperandElement>(
    _ source: MatrixView, _ scale: Float, _ target: OperandRows<Element>, _ rows: Int, _ sum: VectorView
) {
    let lanes = Lanes(repeating: scale)
    forEachPiece(of: sum.count) { offset, count in
        var total = sum.base.piece(offset, count)
        var from = source.base
        for row in 0..<rows {
            let value = from.lanes(at: offset) * lanes
            Element.write(value, to: target[row], offset, count)
            total += value
            from += source.stride
        }
        sum.base.storePiece(total, offset, count)
    }
}

/// `target = factor · sourceᵀ`; both sizes of both are multiples of 16.
func transpose(_ source: MatrixView, times factor: Float, into target: MatrixView) {
    require(
        source.rows == target.columns && source.columns == target.rows && (source.rows | source.columns) & 15 == 0,
        "a transposition between unlike sizes")
    let lanes = Lanes(repeating: factor)
    for row in stride(from: 0, to: source.rows, by: laneCount) {
        for column in stride(from: 0, to: source.columns, by: laneCount) {
            var block = Block(source.base + row &* source.stride + column, source.stride)
            // Row and column numbers of four bits each: a shuffle rotates the eight bits by one.
            for _ in 0..<4 { block.shuffle() }
            block.store(target.base + column &* target.stride + row, target.stride, lanes)
        }
    }
}

/// 16 × 16 elements.
private struct Block {
    var a, b, c, d, e, f, g, h: Lanes
    var i, j, k, l, m, n, o, p: Lanes

    @inline(__always)
    init(_ x: UnsafeMutablePointer<Float>, _ stride: Int) {
        a = x.lanes(at: 0)
        b = x.lanes(at: stride)
        c = x.lanes(at: 2 &* stride)
        d = x.lanes(at: 3 &* stride)
        e = x.lanes(at: 4 &* stride)
        f = x.lanes(at: 5 &* stride)
        g = x.lanes(at: 6 &* stride)
        h = x.lanes(at: 7 &* stride)
        i = x.lanes(at: 8 &* stride)
        j = x.lanes(at: 9 &* stride)
        k = x.lanes(at: 10 &* stride)
        l = x.lanes(at: 11 &* stride)
        m = x.lanes(at: 12 &* stride)
        n = x.lanes(at: 13 &* stride)
        o = x.lanes(at: 14 &* stride)
        p = x.lanes(at: 15 &* stride)
    }

    @inline(__always)
    func store(_ x: UnsafeMutablePointer<Float>, _ stride: Int, _ factor: Lanes) {
        x.store(a * factor, at: 0)
        x.store(b * factor, at: stride)
        x.store(c * factor, at: 2 &* stride)
        x.store(d * factor, at: 3 &* stride)
        x.store(e * factor, at: 4 &* stride)
        x.store(f * factor, at: 5 &* stride)
        x.store(g * factor, at: 6 &* stride)
        x.store(h * factor, at: 7 &* stride)
        x.store(i * factor, at: 8 &* stride)
        x.store(j * factor, at: 9 &* stride)
        x.store(k * factor, at: 10 &* stride)
        x.store(l * factor, at: 11 &* stride)
        x.store(m * factor, at: 12 &* stride)
        x.store(n * factor, at: 13 &* stride)
        x.store(o * factor, at: 14 &* stride)
        x.store(p * factor, at: 15 &* stride)
    }

    @inline(__always)
    mutating func shuffle() {
        let (a, b, c, d, e, f, g, h) = (self.a, self.b, self.c, self.d, self.e, self.f, self.g, self.h)
        let (i, j, k, l, m, n, o, p) = (self.i, self.j, self.k, self.l, self.m, self.n, self.o, self.p)
        self.a = firstHalves(a, i)
        self.b = secondHalves(a, i)
        self.c = firstHalves(b, j)
        self.d = secondHalves(b, j)
        self.e = firstHalves(c, k)
        self.f = secondHalves(c, k)
        self.g = firstHalves(d, l)
        self.h = secondHalves(d, l)
        self.i = firstHalves(e, m)
        self.j = secondHalves(e, m)
        self.k = firstHalves(f, n)
        self.l = secondHalves(f, n)
        self.m = firstHalves(g, o)
        self.n = secondHalves(g, o)
        self.o = firstHalves(h, p)
        self.p = secondHalves(h, p)
    }
}

/// The first eight lanes of both, by turns.
@inline(__always)
private func firstHalves(_ x: Lanes, _ y: Lanes) -> Lanes {
    Lanes(x[0], y[0], x[1], y[1], x[2], y[2], x[3], y[3], x[4], y[4], x[5], y[5], x[6], y[6], x[7], y[7])
}

/// The last eight lanes of both, by turns.
@inline(__always)
private func secondHalves(_ x: Lanes, _ y: Lanes) -> Lanes {
    Lanes(
        x[8], y[8], x[9], y[9], x[10], y[10], x[11], y[11], x[12], y[12], x[13], y[13], x[14], y[14], x[15], y[15])
}
