import Dispatch

/// The fastest that this processor multiplies and adds.
public enum PeakRate {
    /// Floating-point operations a second of one thread in single precision: fused multiply-adds of registers, of which
    /// enough are independent to hide their latency. The best of several tries.
    public static func singlePrecision() -> Double {
        (0..<5).map { _ in rate(rounds: 400_000) }.max() ?? 0
    }

    @inline(never)
    private static func rate(rounds: Int) -> Double {
        var (a, b, c, d) = (Lanes(repeating: 1), Lanes(repeating: 2), Lanes(repeating: 3), Lanes(repeating: 4))
        var (e, f, g, h) = (Lanes(repeating: 5), Lanes(repeating: 6), Lanes(repeating: 7), Lanes(repeating: 8))
        var (i, j, k, l) = (Lanes(repeating: 9), Lanes(repeating: 10), Lanes(repeating: 11), Lanes(repeating: 12))
        let (factor, term) = (Lanes(repeating: 0.999), Lanes(repeating: 0.001))
        let start = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<rounds {
            a = term.addingProduct(a, factor)
            b = term.addingProduct(b, factor)
            c = term.addingProduct(c, factor)
            d = term.addingProduct(d, factor)
            e = term.addingProduct(e, factor)
            f = term.addingProduct(f, factor)
            g = term.addingProduct(g, factor)
            h = term.addingProduct(h, factor)
            i = term.addingProduct(i, factor)
            j = term.addingProduct(j, factor)
            k = term.addingProduct(k, factor)
            l = term.addingProduct(l, factor)
        }
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        let sum = ((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l))
        require(sum.total.isFinite, "a sum of small numbers")
        return Double(rounds * 12 * laneCount * 2) / seconds
    }
}
