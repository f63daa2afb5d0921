import COneDNN
import Dispatch

/// The fastest that this processor multiplies and adds.
public enum PeakRate {
    /// Floating-point operations a second of one thread in single precision: fused multiply-adds of registers, of which
    /// enough are independent to hide their latency. The best of several tries.
    public static func singlePrecision() -> Double {
        hasWideRegisters ? best(SixteenFloats.self) : best(EightFloats.self)
    }

    /// The same in bfloat16 with sums in single precision: dot products of pairs where this program was built for a processor
    /// that has them, and otherwise the single-precision rate, by which they are emulated.
    public static func bfloat16() -> Double {
        conednn_has_bf16_dot_product() != 0 ? best(BFloat16.self) : singlePrecision()
    }

    private static func best<Unit: MultiplyAdd>(_ unit: Unit.Type) -> Double {
        (0..<5).map { _ in rate(unit, rounds: 400_000) }.max() ?? 0
    }

    @inline(never) @_specialize(where Unit == SixteenFloats) @_specialize(where Unit == EightFloats)
    @_specialize(where Unit == BFloat16)
    private static func rate<Unit: MultiplyAdd>(_ unit: Unit.Type, rounds: Int) -> Double {
        typealias Sum = Unit.Sum
        var (a, b, c, d) = (Sum(repeating: 1), Sum(repeating: 2), Sum(repeating: 3), Sum(repeating: 4))
        var (e, f, g, h) = (Sum(repeating: 5), Sum(repeating: 6), Sum(repeating: 7), Sum(repeating: 8))
        var (i, j, k, l) = (Sum(repeating: 9), Sum(repeating: 10), Sum(repeating: 11), Sum(repeating: 12))
        let factor = Sum(repeating: 0.999)
        let start = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<rounds {
            a = Unit.step(a, factor)
            b = Unit.step(b, factor)
            c = Unit.step(c, factor)
            d = Unit.step(d, factor)
            e = Unit.step(e, factor)
            f = Unit.step(f, factor)
            g = Unit.step(g, factor)
            h = Unit.step(h, factor)
            i = Unit.step(i, factor)
            j = Unit.step(j, factor)
            k = Unit.step(k, factor)
            l = Unit.step(l, factor)
        }
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        let sum = [a, b, c, d, e, f, g, h, i, j, k, l].reduce(0) { $0 + $1.sum() }
        require(sum.isFinite, "a sum of small numbers")
        return Double(rounds * 12 * Sum.scalarCount * Unit.operations) / seconds
    }
}

/// One instruction, as a type so that the loop above is compiled for each by itself.
private protocol MultiplyAdd {
    /// What one register holds: twelve of them and the factors fit those of the processor.
    associatedtype Sum: SIMD<Float>
    /// Floating-point operations of a lane.
    static var operations: Int { get }
    static func step(_ sum: Sum, _ factor: Sum) -> Sum
}

private enum SixteenFloats: MultiplyAdd {
    static let operations = 2

    @inline(__always)
    static func step(_ sum: Lanes, _ factor: Lanes) -> Lanes {
        Lanes(repeating: 0.001).addingProduct(sum, factor)
    }
}

private enum EightFloats: MultiplyAdd {
    static let operations = 2

    @inline(__always)
    static func step(_ sum: SIMD8<Float>, _ factor: SIMD8<Float>) -> SIMD8<Float> {
        SIMD8(repeating: 0.001).addingProduct(sum, factor)
    }
}

private enum BFloat16: MultiplyAdd {
    static let operations = 4

    @inline(__always)
    static func step(_ sum: Lanes, _ factor: Lanes) -> Lanes { conednn_bf16_dot_product(sum, factor, factor) }
}
