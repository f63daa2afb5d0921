/// `target = source`, each element rounded to the nearest bfloat16, ties to the even one (IEEE 754-2019, section 4.3.1).
///
/// Infinities, zeros and subnormal numbers keep their kind and sign; what is not a number stays so, made quiet. Numbers beyond
/// the largest bfloat16 become infinite.
///
/// - Parameters:
///   - source: [rows, columns].
///   - target: [rows, columns]; overwritten.
public func convert(_ source: MatrixView, into target: BFloat16View) {
    require(
        source.rows == target.rows && source.columns == target.columns, "a conversion between matrices of unlike sizes")
    let isDense = source.stride == source.columns && target.stride == target.columns
    let (rows, columns) = isDense ? (1, source.rows * source.columns) : (source.rows, source.columns)
    for row in 0..<rows {
        let (from, to) = (source.base + row * source.stride, target.base + row * target.stride)
        forEachPiece(of: columns) { offset, count in
            UInt16.write(from.piece(offset, count), to: to, offset, count)
        }
    }
}

/// The upper halves after rounding by addition: of half the last place that stays, less one unit where that place is even.
///
/// Bit operations alone: with a choice between two vectors the compiler splits them into quarters.
@inlinable @inline(__always)
func roundedToBFloat16(_ lanes: Lanes) -> SIMD16<UInt16> {
    let bits = unsafeBitCast(lanes, to: SIMD16<UInt32>.self)
    let isNoNumber = unsafeBitCast(lanes .!= lanes, to: SIMD16<UInt32>.self)
    let isOdd = (bits &>> SIMD16(repeating: 16)) & SIMD16(repeating: 1)
    // What is not a number gets no addition, which could carry into the sign, and becomes quiet.
    let addend = (SIMD16(repeating: 0x7FFF) &+ isOdd) & ~isNoNumber
    let sum = (bits | (isNoNumber & SIMD16(repeating: 0x0040_0000))) &+ addend
    let halves = unsafeBitCast(sum, to: SIMD32<UInt16>.self)
    // One instruction, where `oddHalf` and `truncatingIfNeeded` are calls in some places.
    return SIMD16(
        halves[1], halves[3], halves[5], halves[7], halves[9], halves[11], halves[13], halves[15], halves[17],
        halves[19], halves[21], halves[23], halves[25], halves[27], halves[29], halves[31])
}
