// Loops between stored elements and Float. `source` may be at any alignment that its type asks for; all stored elements are
// little-endian, as are the processors this package is built for.

/// Reads `range` of `file` as `count` elements of `type` into `destination`. `type` is one of F32, F16, BF16 and F64.
func readFloats(
    from file: InputFile, _ range: Range<Int>, as type: TensorType,
    into destination: UnsafeMutableBufferPointer<Float>
) throws {
    precondition(range.count == destination.count * type.size)
    guard var target = destination.baseAddress else { return }
    if type == .f32 {
        return try file.read(at: range.lowerBound, into: UnsafeMutableRawBufferPointer(destination))
    }
    try file.forEachChunk(of: range) { chunk in
        let count = chunk.count / type.size
        switch type {
        case .f16: widenHalf(chunk.bindMemory(to: Float16.self), into: target)
        case .bf16: widenBFloat16(chunk.bindMemory(to: UInt16.self), into: target)
        case .f64: narrowDouble(chunk.bindMemory(to: Double.self), into: target)
        default: preconditionFailure("\(type.rawValue) is not a type of floats that are read")
        }
        target += count
    }
}

private func widenHalf(_ source: UnsafeBufferPointer<Float16>, into target: UnsafeMutablePointer<Float>) {
    for index in 0..<source.count { target[index] = Float(source[index]) }
}

/// bfloat16 is the upper half of a float.
private func widenBFloat16(_ source: UnsafeBufferPointer<UInt16>, into target: UnsafeMutablePointer<Float>) {
    for index in 0..<source.count { target[index] = Float(bitPattern: UInt32(source[index]) << 16) }
}

private func narrowDouble(_ source: UnsafeBufferPointer<Double>, into target: UnsafeMutablePointer<Float>) {
    for index in 0..<source.count { target[index] = Float(source[index]) }
}

/// Rounds to nearest, ties to even; a NaN stays one (its upper bits, made quiet).
package func narrowToBFloat16(_ source: UnsafeBufferPointer<Float>, into target: UnsafeMutablePointer<UInt16>) {
    for index in 0..<source.count {
        let bits = source[index].bitPattern
        let rounded = (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
        let quiet = (bits >> 16) | 0x40
        target[index] = UInt16(truncatingIfNeeded: bits & 0x7FFF_FFFF > 0x7F80_0000 ? quiet : rounded)
    }
}
