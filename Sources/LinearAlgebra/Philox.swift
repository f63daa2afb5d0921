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
        var state = State(x0: c0, x1: c1, x2: c2, x3: c3)
        // Written out, so that the round keys are known to stay the same from call to call of a loop.
        state.mix(key0, key1, 0)
        state.mix(key0, key1, 1)
        state.mix(key0, key1, 2)
        state.mix(key0, key1, 3)
        state.mix(key0, key1, 4)
        state.mix(key0, key1, 5)
        state.mix(key0, key1, 6)
        state.mix(key0, key1, 7)
        state.mix(key0, key1, 8)
        state.mix(key0, key1, 9)
        let low = SIMD8<UInt64>(repeating: 0xFFFF_FFFF)
        return (state.x0 & low, state.x1 & low, state.x2 & low, state.x3 & low)
    }

    /// Words in the lower halves of lanes of 64 bits; what stands in the upper halves does not count.
    @usableFromInline
    struct State {
        @usableFromInline var x0, x1, x2, x3: SIMD8<UInt64>

        @inlinable @inline(__always)
        init(x0: SIMD8<UInt64>, x1: SIMD8<UInt64>, x2: SIMD8<UInt64>, x3: SIMD8<UInt64>) {
            (self.x0, self.x1, self.x2, self.x3) = (x0, x1, x2, x3)
        }

        @inlinable @inline(__always)
        mutating func mix(_ key0: UInt64, _ key1: UInt64, _ round: UInt64) {
            let (low, shift) = (SIMD8<UInt64>(repeating: 0xFFFF_FFFF), SIMD8<UInt64>(repeating: 32))
            // The masks cost nothing: with them these are the instruction that multiplies lower halves.
            let product0 = (x0 & low) &* SIMD8(repeating: 0xD251_1F53)
            let product1 = (x2 & low) &* SIMD8(repeating: 0xCD9E_8D57)
            x0 = (product1 &>> shift) ^ x1 ^ SIMD8(repeating: key0 &+ round &* 0x9E37_79B9)
            x2 = (product0 &>> shift) ^ x3 ^ SIMD8(repeating: key1 &+ round &* 0xBB67_AE85)
            x1 = product1
            x3 = product0
        }
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
        func pair(_ u: UInt32, _ v: UInt32) -> (Float, Float) {
            let radius = (-2 * log((Double(u) + 1) / 4_294_967_296)).squareRoot() * deviation
            let angle = 2 * Double.pi * Double(v) / 4_294_967_296
            return (Float(radius * cos(angle)), Float(radius * sin(angle)))
        }
        for start in stride(from: 0, to: vector.count, by: 4) {
            let (a, b, c, d) = words(
                UInt32(truncatingIfNeeded: start), UInt32(truncatingIfNeeded: start >> 32), stream, 0)
            let (first, second) = (pair(a, b), pair(c, d))
            let four = SIMD4(first.0, first.1, second.0, second.1)
            for index in 0..<min(4, vector.count - start) { vector[start + index] = four[index] }
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
