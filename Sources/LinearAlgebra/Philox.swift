import Foundation

/// Philox 4×32 with 10 rounds: random bits as a pure function of a key and a counter (Salmon et al. 2011, "Parallel random
/// numbers: as easy as 1, 2, 3", section 3.3). Nothing is stored and no order of use matters, so that every rank and thread
/// draws the same numbers for the same place.
public struct Philox: Sendable {
    @usableFromInline let key0: UInt64
    @usableFromInline let key1: UInt64

    /// - Parameter key: all 64 bits count.
    @inlinable
    public init(key: UInt64) {
        key0 = key & 0xFFFF_FFFF
        key1 = key >> 32
    }

    /// Four words of 32 bits for each of eight counters, as a vector of eight per word in the low half of its lanes.
    ///
    /// Lanes of 64 bits hold the 32-bit words, because the product of two of them is then one instruction.
    @inlinable @inline(__always)
    public func block(
        _ c0: SIMD8<UInt64>, _ c1: SIMD8<UInt64>, _ c2: SIMD8<UInt64>, _ c3: SIMD8<UInt64>
    ) -> (SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>, SIMD8<UInt64>) {
        let low = SIMD8<UInt64>(repeating: 0xFFFF_FFFF)
        let multiplier0 = SIMD8<UInt64>(repeating: 0xD251_1F53)
        let multiplier1 = SIMD8<UInt64>(repeating: 0xCD9E_8D57)
        let shift = SIMD8<UInt64>(repeating: 32)
        var (x0, x1, x2, x3) = (c0 & low, c1 & low, c2 & low, c3 & low)
        var (k0, k1) = (key0, key1)
        for _ in 0..<10 {
            let product0 = multiplier0 &* x0
            let product1 = multiplier1 &* x2
            x0 = (product1 &>> shift) ^ x1 ^ SIMD8(repeating: k0)
            x2 = (product0 &>> shift) ^ x3 ^ SIMD8(repeating: k1)
            x1 = product1 & low
            x3 = product0 & low
            k0 = (k0 &+ 0x9E37_79B9) & 0xFFFF_FFFF
            k1 = (k1 &+ 0xBB67_AE85) & 0xFFFF_FFFF
        }
        return (x0, x1, x2, x3)
    }

    /// Four words for one counter: the plain form, for single draws and as the reference of the vector form.
    public func words(_ c0: UInt32, _ c1: UInt32, _ c2: UInt32, _ c3: UInt32) -> (UInt32, UInt32, UInt32, UInt32) {
        var (x0, x1, x2, x3) = (UInt64(c0), UInt64(c1), UInt64(c2), UInt64(c3))
        var (k0, k1) = (key0, key1)
        for _ in 0..<10 {
            let product0 = 0xD251_1F53 &* x0
            let product1 = 0xCD9E_8D57 &* x2
            (x0, x1, x2, x3) = (
                (product1 >> 32) ^ x1 ^ k0, product1 & 0xFFFF_FFFF, (product0 >> 32) ^ x3 ^ k1, product0 & 0xFFFF_FFFF
            )
            k0 = (k0 + 0x9E37_79B9) & 0xFFFF_FFFF
            k1 = (k1 + 0xBB67_AE85) & 0xFFFF_FFFF
        }
        return (UInt32(x0), UInt32(x1), UInt32(x2), UInt32(x3))
    }

    /// Normal variates of mean 0 and the given deviation (Box and Muller 1958), the same for the same `stream`.
    public func fillNormal(_ vector: VectorView, stream: UInt32, deviation: Double) {
        var index = 0
        while index < vector.count {
            let (a, b, c, d) = words(
                UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), stream, 0)
            for (u, v) in [(a, b), (c, d)] where index < vector.count {
                let radius = (-2 * log((Double(u) + 1) / 4_294_967_296)).squareRoot() * deviation
                let angle = 2 * Double.pi * Double(v) / 4_294_967_296
                vector[index] = Float(radius * cos(angle))
                index += 1
                if index < vector.count {
                    vector[index] = Float(radius * sin(angle))
                    index += 1
                }
            }
        }
    }
}

/// One well-mixed 64-bit number of several: the finaliser of SplitMix64 (Steele et al. 2014) over each in turn.
public func mixedKey(_ parts: UInt64...) -> UInt64 {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    for part in parts {
        state = (state ^ part) &+ 0x9E37_79B9_7F4A_7C15
        state = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        state = (state ^ (state >> 27)) &* 0x94D0_49BB_1331_11EB
        state ^= state >> 31
    }
    return state
}
