/// Random numbers that depend on nothing but a key: the same on every rank, machine and compiler version.
///
/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). The standard
/// library's own bounded draws and shuffles are not used, since their algorithms are not part of its contract.
public struct SeededGenerator: Sendable {
    private var state: UInt64

    /// - Parameter key: what the stream is for, most general part first; every part changes the whole stream.
    public init(key: [UInt64]) {
        state = Self.digest(of: key)
    }

    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// A number in `0..<bound`, each exactly as likely as the others (Lemire, "Fast random integer generation in an
    /// interval", TOMACS 2019).
    ///
    /// - Precondition: `bound > 0`.
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "a random draw needs at least one outcome")
        let bound = UInt64(bound)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold {
                product = next().multipliedFullWidth(by: bound)
            }
        }
        return Int(product.high)
    }

    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// The finalizer of SplitMix64: a bijection in which every input bit changes about half of the output bits.
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// One number for a list of them, in which order and length matter.
    static func digest(of key: [UInt64]) -> UInt64 {
        key.reduce(mix(UInt64(key.count) &+ increment)) { mix(($0 ^ $1) &+ increment) }
    }

    /// One number for a name (FNV-1a, 64 bits).
    static func digest(of name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
