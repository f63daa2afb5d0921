import LinearAlgebra

/// e^x for each lane, within 2 units in the last place on [-87, 88]; outside, the value at the nearer end.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, e^r by its Taylor polynomial of degree 7, 2^n by adding n to the exponent bits. Adding
/// 1.5·2^23 rounds to the nearest integer and leaves it in the low bits of the sum.
@inline(__always)
package func exponential(_ x: Lanes) -> Lanes {
    let bounded = x.lowered(to: Lanes(repeating: 88)).raised(to: Lanes(repeating: -87))
    let magic = Lanes(repeating: 12_582_912)
    let shifted = magic.addingProduct(bounded, Lanes(repeating: 1.442_695_04))
    let n = shifted - magic
    // ln 2 in two parts, the first exact in few bits, so that the reduction loses nothing.
    let r = bounded.addingProduct(n, Lanes(repeating: -0.693_145_75)).addingProduct(
        n, Lanes(repeating: -1.428_606_8e-6))
    var p = Lanes(repeating: 1.0 / 5040)
    p = Lanes(repeating: 1.0 / 720).addingProduct(p, r)
    p = Lanes(repeating: 1.0 / 120).addingProduct(p, r)
    p = Lanes(repeating: 1.0 / 24).addingProduct(p, r)
    p = Lanes(repeating: 1.0 / 6).addingProduct(p, r)
    p = Lanes(repeating: 0.5).addingProduct(p, r)
    p = Lanes(repeating: 1).addingProduct(p, r)
    p = Lanes(repeating: 1).addingProduct(p, r)
    let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< SIMD16<Int32>(repeating: 23)
    return unsafeBitCast(unsafeBitCast(p, to: SIMD16<Int32>.self) &+ exponent, to: Lanes.self)
}

/// 2^x for each lane with x ≤ 0, within 2 units in the last place on [-126, 0]; below, the value at −126. Exactly 1 at 0.
///
/// x = n + r with |r| ≤ 1/2; 2^r by a polynomial whose coefficients are a minimax fit of the relative error (1.9e-9 in exact
/// arithmetic), and n as in `exponential`.
@inline(__always)
package func powerOfTwo(_ x: Lanes) -> Lanes {
    let bounded = x.raised(to: Lanes(repeating: -126))
    let magic = Lanes(repeating: 12_582_912)
    let shifted = bounded + magic
    let r = bounded - (shifted - magic)
    var p = Lanes(repeating: 1.534_579_5e-4)
    p = Lanes(repeating: 1.339_993_2e-3).addingProduct(p, r)
    p = Lanes(repeating: 9.618_489e-3).addingProduct(p, r)
    p = Lanes(repeating: 5.550_328_6e-2).addingProduct(p, r)
    p = Lanes(repeating: 0.240_226_46).addingProduct(p, r)
    p = Lanes(repeating: 0.693_147_2).addingProduct(p, r)
    p = Lanes(repeating: 1).addingProduct(p, r)
    let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< SIMD16<Int32>(repeating: 23)
    return unsafeBitCast(unsafeBitCast(p, to: SIMD16<Int32>.self) &+ exponent, to: Lanes.self)
}

/// The normal distribution function Φ(x) = (1 + erf(x/√2)) / 2 for each lane, within 2e-7.
///
/// erf(x/√2) = x·P(x²)/Q(x²) on [-5.6, 5.6], outside of which Φ is 0 or 1 in single precision. The coefficients are a
/// minimax fit of the relative error (2.2e-8 in exact arithmetic).
@inline(__always)
package func normalDistribution(_ x: Lanes) -> Lanes {
    let bounded = x.lowered(to: Lanes(repeating: 5.6)).raised(to: Lanes(repeating: -5.6))
    let z = bounded * bounded
    var p = Lanes(repeating: 4.459_433e-8)
    p = Lanes(repeating: 1.257_957_2e-5).addingProduct(p, z)
    p = Lanes(repeating: 3.378_639_5e-4).addingProduct(p, z)
    p = Lanes(repeating: 9.354_737e-3).addingProduct(p, z)
    p = Lanes(repeating: 6.785_861_4e-2).addingProduct(p, z)
    p = Lanes(repeating: 0.797_884_5).addingProduct(p, z)
    var q = Lanes(repeating: 1.179_650_2e-6)
    q = Lanes(repeating: 7.334_499e-5).addingProduct(q, z)
    q = Lanes(repeating: 1.885_508_2e-3).addingProduct(q, z)
    q = Lanes(repeating: 2.867_771_7e-2).addingProduct(q, z)
    q = Lanes(repeating: 0.251_714_5).addingProduct(q, z)
    q = Lanes(repeating: 1).addingProduct(q, z)
    return Lanes(repeating: 0.5).addingProduct(bounded * Lanes(repeating: 0.5), p / q)
}

/// tanh(x) for each lane, by 1 − 2/(e^2x + 1).
@inline(__always)
func hyperbolicTangent(_ x: Lanes) -> Lanes {
    let one = Lanes(repeating: 1)
    return one - Lanes(repeating: 2) / (exponential(x + x) + one)
}
