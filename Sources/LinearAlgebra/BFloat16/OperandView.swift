/// A matrix as products take it: in single precision, or in bfloat16.
///
/// What computes an operand writes it in this form at once, rounded on the way where it is bfloat16, so that no other pass over
/// memory has to.
public enum OperandView: Sendable {
    case single(MatrixView)
    case half(BFloat16View)

    public var rows: Int {
        switch self {
        case .single(let matrix): matrix.rows
        case .half(let matrix): matrix.rows
        }
    }

    public var columns: Int {
        switch self {
        case .single(let matrix): matrix.columns
        case .half(let matrix): matrix.columns
        }
    }

    /// The rows of `range`, sharing this view's memory.
    public func rows(_ range: Range<Int>) -> OperandView {
        switch self {
        case .single(let matrix): .single(matrix.rows(range))
        case .half(let matrix): .half(matrix.rows(range))
        }
    }

    /// The columns of `range`, sharing this view's memory.
    public func columns(_ range: Range<Int>) -> OperandView {
        switch self {
        case .single(let matrix): .single(matrix.columns(range))
        case .half(let matrix): .half(matrix.columns(range))
        }
    }
}

/// The rows of a matrix of either kind, for loops that are compiled for each kind by itself.
public struct OperandRows<Element: OperandElement>: @unchecked Sendable {
    @usableFromInline let base: UnsafeMutablePointer<Element>
    @usableFromInline let stride: Int

    /// Where a row begins.
    @inlinable @inline(__always)
    public subscript(row: Int) -> UnsafeMutablePointer<Element> { base + row &* stride }
}

extension OperandRows<Float> {
    public init(_ matrix: MatrixView) { (base, stride) = (matrix.base, matrix.stride) }
}

extension OperandRows<UInt16> {
    public init(_ matrix: BFloat16View) { (base, stride) = (matrix.base, matrix.stride) }
}

/// What an operand is made of: `Float`, or the bits of a bfloat16.
public protocol OperandElement {
    /// Writes a piece of 16 or fewer elements, as `forEachPiece` names it.
    static func write(_ lanes: Lanes, to target: UnsafeMutablePointer<Self>, _ offset: Int, _ count: Int)
}

extension Float: OperandElement {
    @inlinable @inline(__always)
    public static func write(_ lanes: Lanes, to target: UnsafeMutablePointer<Float>, _ offset: Int, _ count: Int) {
        target.storePiece(lanes, offset, count)
    }
}

extension UInt16: OperandElement {
    @inlinable @inline(__always)
    public static func write(_ lanes: Lanes, to target: UnsafeMutablePointer<UInt16>, _ offset: Int, _ count: Int) {
        let halves = roundedToBFloat16(lanes)
        let place = UnsafeMutableRawPointer(target + offset)
        if count == laneCount {
            place.storeBytes(of: halves, as: SIMD16<UInt16>.self)
        } else {
            withUnsafeBytes(of: halves) { place.copyMemory(from: $0.baseAddress!, byteCount: count &* 2) }
        }
    }
}
