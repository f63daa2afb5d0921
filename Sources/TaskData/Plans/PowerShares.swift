/// Shares of tasks in proportion to a power of their sizes, as whole numbers.
struct PowerShares {
    /// From 0 to 1.
    let exponent: Double

    /// The powers, scaled so that the largest becomes 2^31; for the exponent 1 the sizes themselves.
    func shares(of taskSizes: [Int]) -> [Int] {
        guard exponent < 1 else { return taskSizes }
        let powers = taskSizes.map { Self.power(Double($0), exponent) }
        let scale = Double(1 << 31) / (powers.max() ?? 1)
        return powers.map { max(1, Int($0 * scale)) }
    }

    /// `base` to an `exponent` from 0 to 1, by square roots for the exponent's binary digits: only operations that
    /// IEEE 754 rounds exactly, since the last bits of `pow` differ between libraries and processors.
    static func power(_ base: Double, _ exponent: Double) -> Double {
        var result = exponent >= 1 ? base : 1
        var root = base
        var rest = exponent >= 1 ? 0 : exponent
        while rest > 0 && root > 1 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                result *= root
                rest -= 1
            }
        }
        return result
    }
}
