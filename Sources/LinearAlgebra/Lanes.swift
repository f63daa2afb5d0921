import COneDNN

/// Sixteen `Float`s: one AVX-512 register, two of AVX2. Only members that compile to single instructions are used on it; the
/// generic ones (`.rounded()`, `.sum()`, per-lane subscripts) are loops over lanes.
public typealias Lanes = SIMD16<Float>

/// Lanes in a `Lanes`.
public let laneCount = 16

/// Whether a register holds a `Lanes`, and there are 32 of them (AVX-512). Elsewhere there are 16 registers of half of one, so
/// that a loop may keep no more than six sums in them.
@inlinable @inline(__always)
public var hasWideRegisters: Bool { conednn_has_wide_registers() != 0 }

extension UnsafeMutablePointer where Pointee == Float {
    @inlinable @inline(__always)
    public func lanes(at offset: Int) -> Lanes {
        UnsafeRawPointer(self + offset).loadUnaligned(as: Lanes.self)
    }

    @inlinable @inline(__always)
    public func store(_ lanes: Lanes, at offset: Int) {
        UnsafeMutableRawPointer(self + offset).storeBytes(of: lanes, as: Lanes.self)
    }

    /// The first `count` (below 16) elements from `offset`, zeros in the other lanes; nothing behind them is read.
    @inlinable @inline(__always)
    public func lanes(at offset: Int, count: Int) -> Lanes {
        var result = Lanes(repeating: 0)
        withUnsafeMutableBytes(of: &result) {
            $0.baseAddress!.copyMemory(from: self + offset, byteCount: count &* 4)
        }
        return result
    }

    /// Writes the first `count` (below 16) lanes only.
    @inlinable @inline(__always)
    public func store(_ lanes: Lanes, at offset: Int, count: Int) {
        withUnsafeBytes(of: lanes) {
            UnsafeMutableRawPointer(self + offset).copyMemory(from: $0.baseAddress!, byteCount: count &* 4)
        }
    }
}

extension SIMD16 where Scalar == Float {
    /// The sum of the lanes as a balanced tree: a fixed order, in few instructions.
    @inlinable @inline(__always)
    public var total: Float {
        let eight = lowHalf + highHalf
        let four = eight.lowHalf + eight.highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }
}

extension SIMD16 where Scalar == Float {
    /// Each lane, or that of `least` where it is larger; a lane that is not a number stays. One instruction, where the
    /// standard library's `pointwiseMax` is a loop over lanes for two variables and turns a NaN into the other number.
    @inlinable @inline(__always)
    public func raised(to least: Self) -> Self { replacing(with: least, where: least .> self) }

    /// Each lane, or that of `most` where it is smaller; a lane that is not a number stays.
    @inlinable @inline(__always)
    public func lowered(to most: Self) -> Self { replacing(with: most, where: most .< self) }
}

/// Calls `body(offset, count)` for consecutive pieces of at most 16 elements; `count` is below 16 in the last one only.
///
/// `body` is inlined twice, with a constant 16 and with the rest, so that the full pieces carry no branch.
@inlinable @inline(__always)
public func forEachPiece(of count: Int, _ body: (_ offset: Int, _ count: Int) -> Void) {
    var offset = 0
    while offset &+ laneCount <= count {
        body(offset, laneCount)
        offset &+= laneCount
    }
    if offset < count { body(offset, count &- offset) }
}

extension UnsafeMutablePointer where Pointee == Float {
    /// A piece of 16 or fewer elements, as `forEachPiece` names it.
    @inlinable @inline(__always)
    public func piece(_ offset: Int, _ count: Int) -> Lanes {
        count == laneCount ? lanes(at: offset) : lanes(at: offset, count: count)
    }

    @inlinable @inline(__always)
    public func storePiece(_ lanes: Lanes, _ offset: Int, _ count: Int) {
        if count == laneCount { store(lanes, at: offset) } else { store(lanes, at: offset, count: count) }
    }
}
