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
    let stride = result.stride
    var row = 0
    @inline(__always)
    func multiply<Rows: RowGroup<Part>>(_: Rows.Type) {
        let target = result.base + row &* stride + column
        var rows = Rows(target, stride, loaded: adds)
        rows.addProducts(left + row &* step.row, step, right.base + column, right.stride, inner: inner)
        rows.store(target, stride)
        row &+= Rows.count
    }
    if hasWideRegisters {
        while row &+ 8 <= result.rows { multiply(Twice<FourRows<Part>>.self) }
    } else {
        // Twelves, so that fours remain.
        while row &+ 12 <= result.rows {
            multiply(Twice<ThreeRows<Part>>.self)
            multiply(Twice<ThreeRows<Part>>.self)
        }
    }
    while row < result.rows { multiply(FourRows<Part>.self) }
}

/// Parts of some rows of the result.
private protocol RowGroup<Part> {
    associatedtype Part: RowPart
    static var count: Int { get }
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool)
    /// Adds one term of the sum: a factor for each row.
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part)
    /// Adds all terms, in their order.
    mutating func addProducts(
        _ factors: UnsafeMutablePointer<Float>, _ step: (row: Int, inner: Int), _ right: UnsafeMutablePointer<Float>,
        _ rightStride: Int, inner: Int)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int)
}

extension RowGroup {
    @inline(__always)
    mutating func addProducts(
        _ factors: UnsafeMutablePointer<Float>, _ step: (row: Int, inner: Int), _ right: UnsafeMutablePointer<Float>,
        _ rightStride: Int, inner: Int
    ) {
        var (x, y) = (factors, right)
        for _ in 0..<inner {
            add(x, step.row, Part.load(y))
            x += step.inner
            y += rightStride
        }
    }
}

private struct ThreeRows<Part: RowPart>: RowGroup {
    var a, b, c: Part

    @inline(__always) static var count: Int { 3 }

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool) {
        a = loaded ? .load(pointer) : .zero
        b = loaded ? .load(pointer + stride) : .zero
        c = loaded ? .load(pointer + 2 &* stride) : .zero
    }

    @inline(__always)
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part) {
        a.add(factors[0], right)
        b.add(factors[step], right)
        c.add(factors[2 &* step], right)
    }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int) {
        a.store(pointer)
        b.store(pointer + stride)
        c.store(pointer + 2 &* stride)
    }
}

private struct FourRows<Part: RowPart>: RowGroup {
    var upper: ThreeRows<Part>
    var d: Part

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

/// Two groups below each other, whose factors are found by a pointer each: a chain of additions to find those of all rows would
/// take as long as the products.
private struct Twice<Rows: RowGroup>: RowGroup {
    typealias Part = Rows.Part
    var upper, lower: Rows

    @inline(__always) static var count: Int { 2 &* Rows.count }

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int, loaded: Bool) {
        upper = Rows(pointer, stride, loaded: loaded)
        lower = Rows(pointer + Rows.count &* stride, stride, loaded: loaded)
    }

    @inline(__always)
    mutating func add(_ factors: UnsafeMutablePointer<Float>, _ step: Int, _ right: Part) {
        upper.add(factors, step, right)
        lower.add(factors + Rows.count &* step, step, right)
    }

    @inline(__always)
    mutating func addProducts(
        _ factors: UnsafeMutablePointer<Float>, _ step: (row: Int, inner: Int), _ right: UnsafeMutablePointer<Float>,
        _ rightStride: Int, inner: Int
    ) {
        var (x, y) = (factors, right)
        var z = x + Rows.count &* step.row
        for _ in 0..<inner {
            let part = Part.load(y)
            upper.add(x, step.row, part)
            lower.add(z, step.row, part)
            x += step.inner
            z += step.inner
            y += rightStride
        }
    }

    @inline(__always)
    func store(_ pointer: UnsafeMutablePointer<Float>, _ stride: Int) {
        upper.store(pointer, stride)
        lower.store(pointer + Rows.count &* stride, stride)
    }
}
