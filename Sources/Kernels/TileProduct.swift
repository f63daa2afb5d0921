import LinearAlgebra

/// `result = op(left) · right`, or `result += …`, for matrices that stay in the processor's caches: the products inside
/// attention, where packing operands and choosing among kernels costs a general library more than the arithmetic.
///
/// Each element is one chain of fused multiply-adds over the inner dimension, in its order, whatever the sizes.
///
/// - Parameters:
///   - left: [m, k], or [k, m] where transposed.
///   - right: [k, n].
///   - result: [m, n], m a multiple of 4 and n of 16; overwritten unless `adds`.
func multiplyTiles(
    _ left: MatrixView, _ leftOperand: Operand, _ right: MatrixView, into result: MatrixView, adds: Bool = false
) {
    let (m, k) = leftOperand == .asIs ? (left.rows, left.columns) : (left.columns, left.rows)
    require(
        m == result.rows && k == right.rows && right.columns == result.columns && m & 3 == 0
            && result.columns & (laneCount - 1) == 0,
        "a product of tiles of unlike sizes")
    if leftOperand == .asIs {
        multiplyTiles(left.base, (row: left.stride, inner: 1), right, into: result, inner: k, adds: adds)
    } else {
        multiplyTiles(left.base, (row: 1, inner: left.stride), right, into: result, inner: k, adds: adds)
    }
}

@inline(__always)
private func multiplyTiles(
    _ left: UnsafeMutablePointer<Float>, _ step: (row: Int, inner: Int), _ right: MatrixView, into result: MatrixView,
    inner: Int, adds: Bool
) {
    var column = 0
    while hasWideRegisters && column &+ 2 &* laneCount <= result.columns {
        multiplyPanel(left, step, right, into: result, column, inner: inner, adds: adds, TwoVectors.self)
        column &+= 2 &* laneCount
    }
    while column < result.columns {
        multiplyPanel(left, step, right, into: result, column, inner: inner, adds: adds, OneVector.self)
        column &+= laneCount
    }
}

/// The part of a row of the result that a tile holds in registers. As a type, so that the loop below is compiled for each
/// width by itself.
private protocol RowPart {
    static var zero: Self { get }
    static func load(_ pointer: UnsafeMutablePointer<Float>) -> Self
    func store(_ pointer: UnsafeMutablePointer<Float>)
    mutating func add(_ factor: Float, _ right: Self)
}

private struct OneVector: RowPart {
    var a: Lanes

    @inline(__always) static var zero: OneVector { OneVector(a: Lanes(repeating: 0)) }

    @inline(__always)
    static func load(_ pointer: UnsafeMutablePointer<Float>) -> OneVector { OneVector(a: pointer.lanes(at: 0)) }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>) { pointer.store(a, at: 0) }

    @inline(__always)
    mutating func add(_ factor: Float, _ right: OneVector) { a = a.addingProduct(Lanes(repeating: factor), right.a) }
}

private struct TwoVectors: RowPart {
    var a: Lanes
    var b: Lanes

    @inline(__always) static var zero: TwoVectors { TwoVectors(a: Lanes(repeating: 0), b: Lanes(repeating: 0)) }

    @inline(__always)
    static func load(_ pointer: UnsafeMutablePointer<Float>) -> TwoVectors {
        TwoVectors(a: pointer.lanes(at: 0), b: pointer.lanes(at: laneCount))
    }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>) {
        pointer.store(a, at: 0)
        pointer.store(b, at: laneCount)
    }

    @inline(__always)
    mutating func add(_ factor: Float, _ right: TwoVectors) {
        let lanes = Lanes(repeating: factor)
        a = a.addingProduct(lanes, right.a)
        b = b.addingProduct(lanes, right.b)
    }
}

/// All rows of the result for as many columns from `column` as a `Part` has: as many rows at a time as there are registers for,
/// eight or six, and four of the rest.
@inline(__always)
private func multiplyPanel<Part: RowPart>(
    _ left: UnsafeMutablePointer<Float>, _ step: (row: Int, inner: Int), _ right: MatrixView, into result: MatrixView,
    _ column: Int, inner: Int, adds: Bool, _: Part.Type
) {
    let (rightStride, stride) = (right.stride, result.stride)
    var row = 0
    // The factors of each half are found by a pointer of their own: a chain of additions to find those of all rows would take as
    // long as the products.
    @inline(__always)
    func multiplyTwice<Half: RowGroup<Part>>(_: Half.Type) {
        let target = result.base + row &* stride + column
        var upper = Half(target, stride, loaded: adds)
        var lower = Half(target + Half.count &* stride, stride, loaded: adds)
        var (x, y) = (left + row &* step.row, right.base + column)
        var z = x + Half.count &* step.row
        for _ in 0..<inner {
            let part = Part.load(y)
            upper.add(x, step.row, part)
            lower.add(z, step.row, part)
            x += step.inner
            z += step.inner
            y += rightStride
        }
        upper.store(target, stride)
        lower.store(target + Half.count &* stride, stride)
        row &+= 2 &* Half.count
    }
    if hasWideRegisters {
        while row &+ 8 <= result.rows { multiplyTwice(FourRows<Part>.self) }
    } else {
        // Twelves, so that fours remain.
        while row &+ 12 <= result.rows {
            multiplyTwice(ThreeRows<Part>.self)
            multiplyTwice(ThreeRows<Part>.self)
        }
    }
    while row < result.rows { multiplyTwice(TwoRows<Part>.self) }
}

/// Parts of some rows of the result.
private protocol RowGroup<Part> {
    associatedtype Part: RowPart
    static var count: Int { get }
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool)
    /// Adds one term of the sum: a factor for each row.
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int)
}

private struct TwoRows<Part: RowPart>: RowGroup {
    private var a, b: Part

    @inline(__always) static var count: Int { 2 }

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool) {
        a = loaded ? .load(pointer) : .zero
        b = loaded ? .load(pointer + stride) : .zero
    }

    @inline(__always)
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part) {
        a.add(factors[0], right)
        b.add(factors[step], right)
    }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int) {
        a.store(pointer)
        b.store(pointer + stride)
    }
}

private struct ThreeRows<Part: RowPart>: RowGroup {
    private var upper: TwoRows<Part>
    private var c: Part

    @inline(__always) static var count: Int { 3 }

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool) {
        upper = TwoRows(pointer, stride, loaded: loaded)
        c = loaded ? .load(pointer + 2 &* stride) : .zero
    }

    @inline(__always)
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part) {
        upper.add(factors, step, right)
        c.add(factors[2 &* step], right)
    }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int) {
        upper.store(pointer, stride)
        c.store(pointer + 2 &* stride)
    }
}

private struct FourRows<Part: RowPart>: RowGroup {
    private var upper: ThreeRows<Part>
    private var d: Part

    @inline(__always) static var count: Int { 4 }

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool) {
        upper = ThreeRows(pointer, stride, loaded: loaded)
        d = loaded ? .load(pointer + 3 &* stride) : .zero
    }

    @inline(__always)
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part) {
        upper.add(factors, step, right)
        d.add(factors[3 &* step], right)
    }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int) {
        upper.store(pointer, stride)
        d.store(pointer + 3 &* stride)
    }
}
