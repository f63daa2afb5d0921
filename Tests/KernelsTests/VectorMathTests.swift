import Foundation
import Kernels
import LinearAlgebra
import Testing

/// The elementary functions against those of the C library in `Double`, over dense grids.
@Suite struct VectorMathTests {
    /// The largest value of `error(x, function(x))` over a grid of single-precision numbers.
    private func worst(
        of range: ClosedRange<Double>, steps: Int, _ function: (Lanes) -> Lanes,
        _ error: (_ x: Double, _ own: Float) -> Double
    ) -> Double {
        var worst = 0.0
        for start in stride(from: 0, through: steps, by: laneCount) {
            var x = Lanes(repeating: 0)
            for lane in 0..<laneCount {
                let place = Double(min(start + lane, steps)) / Double(steps)
                x[lane] = Float(range.lowerBound + (range.upperBound - range.lowerBound) * place)
            }
            let own = function(x)
            for lane in 0..<laneCount {
                let one = error(Double(x[lane]), own[lane])
                worst = one.isNaN ? .infinity : max(worst, one)
            }
        }
        return worst
    }

    @Test func exponentialIsWithinTwoUnitsInTheLastPlace() {
        let units = worst(of: -87...88, steps: 2_000_000, exponential) { x, own in
            abs(Double(own) - exp(x)) / Double(Float(exp(x)).ulp)
        }
        #expect(units < 2, "\(units) units in the last place")
    }

    @Test func exponentialNearZero() {
        let units = worst(of: -1...1, steps: 1_000_000, exponential) { x, own in
            abs(Double(own) - exp(x)) / Double(Float(exp(x)).ulp)
        }
        #expect(units < 2, "\(units) units in the last place")
        #expect(exponential(Lanes(repeating: 0)) == Lanes(repeating: 1))
    }

    @Test func exponentialBeyondItsRange() {
        #expect(exponential(Lanes(repeating: -1e30)) == exponential(Lanes(repeating: -87)))
        #expect(exponential(Lanes(repeating: -.infinity)) == exponential(Lanes(repeating: -87)))
        #expect(exponential(Lanes(repeating: 1e30)) == exponential(Lanes(repeating: 88)))
        #expect(exponential(Lanes(repeating: .nan))[5].isNaN)
    }

    @Test func powerOfTwoIsWithinTwoUnitsInTheLastPlace() {
        for lowest in [-126.0, -1] {
            let units = worst(of: lowest...0, steps: 2_000_000, powerOfTwo) { x, own in
                abs(Double(own) - exp2(x)) / Double(Float(exp2(x)).ulp)
            }
            #expect(units < 2, "\(units) units in the last place")
        }
        #expect(powerOfTwo(Lanes(repeating: 0)) == Lanes(repeating: 1))
        #expect(powerOfTwo(Lanes(repeating: -.infinity)) == powerOfTwo(Lanes(repeating: -126)))
        #expect(powerOfTwo(Lanes(repeating: .nan))[5].isNaN)
    }

    @Test func normalDistributionIsWithinTwoTenMillionths() {
        let distance = worst(of: -8...8, steps: 2_000_000, normalDistribution) { x, own in
            abs(Double(own) - Reference.normalDistribution(x))
        }
        #expect(distance <= 2e-7, "\(distance) away")
        #expect(normalDistribution(Lanes(repeating: .nan))[5].isNaN)
    }

    @Test func normalDistributionIsAProbability() {
        let outside = worst(of: -40...40, steps: 1_000_000, normalDistribution) { _, own in
            Double(max(-own, own - 1))
        }
        #expect(outside <= 2e-7, "\(outside) outside of [0, 1]")
    }
}
