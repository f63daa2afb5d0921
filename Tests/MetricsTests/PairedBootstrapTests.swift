import Foundation
import Metrics
import Testing

@Suite struct PairedBootstrapTests {
    /// The first numbers of the published generator with seed 0.
    @Test func generator() {
        var generator = SplitMix(seed: 0)
        #expect(generator.next() == 0xE220_A839_7B1D_CDAF)
        #expect(generator.next() == 0x6E78_9E6A_A1B9_65F4)
        #expect(generator.next() == 0x06C4_5D18_8009_454F)
    }

    @Test func quantiles() {
        #expect(quantile(0, of: [1, 2, 4]) == 1)
        #expect(quantile(1, of: [1, 2, 4]) == 4)
        #expect(quantile(0.25, of: [1, 2, 4]) == 1.5)
        #expect(quantile(0.75, of: [1, 2, 4]) == 3)
        #expect(quantile(0.9, of: [7]) == 7)
    }

    /// As `numpy.std(ddof=1)`.
    @Test func deviations() {
        #expect(sampleStandardDeviation([3]) == nil)
        #expect(sampleStandardDeviation([1, 2, 3, 4]) == 1.2909944487358056)
    }

    private static func bits(_ factor: Int, _ modulus: Int, _ count: Int) -> ExampleOutcomes {
        ExampleOutcomes((0..<count).map { ($0 * factor + ($0 * $0) % 7) % modulus < modulus / 2 + 1 })
    }

    /// Against the same written in Python, with NumPy's means and quantiles.
    @Test func againstPython() {
        let pairs = [
            (0..<3).map { (Self.bits(3 + $0, 11, 40), Self.bits(5 + $0, 9, 40)) },
            (0..<3).map { (Self.bits(7 + $0, 13, 25), Self.bits(2 + $0, 8, 25)) },
        ].map { $0.map { (outcomes: $0.0, baseline: $0.1) } }
        let gains = PairedBootstrap(confidence: 0.9, resamples: 400).gains(pairs)
        let expected = [
            (-0.075, -0.2504166666666667, 0.14166666666666666), (-0.22666666666666666, -0.4, -0.04),
            (-0.15083333333333332, -0.265, -0.020666666666666812),
        ]
        for (gain, expected) in zip(gains.tasks + [gains.mean], expected) {
            #expect(abs(gain.estimate - expected.0) < 1e-12)
            #expect(abs(gain.lower - expected.1) < 1e-12)
            #expect(abs(gain.upper - expected.2) < 1e-12)
        }
    }

    /// Whatever is drawn, the same comes out.
    @Test func withoutDoubt() {
        let (right, wrong) = (ExampleOutcomes([true, true, true]), ExampleOutcomes([false, false, false]))
        let better = PairedBootstrap().gains([[(outcomes: right, baseline: wrong)]])
        #expect(better.tasks == [.init(estimate: 1, lower: 1, upper: 1)])
        let equal = PairedBootstrap().gains([[(outcomes: right, baseline: right)]])
        #expect(equal.mean == .init(estimate: 0, lower: 0, upper: 0))
    }

    /// A gain that one seed has on every example and the other on none: only drawing seeds shows the doubt.
    @Test func seedsAreDrawn() {
        let (right, wrong) = (ExampleOutcomes([true, true]), ExampleOutcomes([false, false]))
        let gains = PairedBootstrap().gains([
            [(outcomes: right, baseline: wrong), (outcomes: wrong, baseline: wrong)]
        ])
        #expect(gains.mean == .init(estimate: 0.5, lower: 0, upper: 1))
    }

    /// One example of a hundred decides: with examples drawn, the interval reaches 0.
    @Test func examplesAreDrawn() {
        let right = ExampleOutcomes((0..<100).map { _ in true })
        let other = ExampleOutcomes((0..<100).map { $0 > 0 })
        let gain = PairedBootstrap().gains([[(outcomes: right, baseline: other)]]).mean
        #expect(gain.estimate == 0.01 && gain.lower == 0 && gain.upper >= 0.03)
    }

    /// About as wide as the normal approximation says: 2 × 1.96 × √(0.1 ÷ 1000) for differences in a tenth of 1,000 examples.
    @Test func width() {
        let all = ExampleOutcomes((0..<1000).map { _ in true })
        let other = ExampleOutcomes((0..<1000).map { $0 % 10 != 0 })
        let gain = PairedBootstrap().gains([[(outcomes: all, baseline: other)]]).mean
        #expect(gain.estimate == 0.1)
        #expect(abs((gain.upper - gain.lower) - 2 * 1.96 * (0.09 / 1000).squareRoot()) < 0.003)
    }

    @Test func outcomes() throws {
        var outcomes = ExampleOutcomes(count: 130)
        for position in [0, 5, 63, 64, 129] { outcomes.markCorrect(position) }
        #expect(outcomes.correct == 5 && outcomes.accuracy == 5.0 / 130)
        #expect(outcomes[64] && !outcomes[65] && outcomes[129])
        let read = try JSONDecoder().decode(ExampleOutcomes.self, from: try JSONEncoder().encode(outcomes))
        #expect(read == outcomes)
        var sum = ExampleOutcomes(count: 130)
        sum.summands = zip(outcomes.summands, ExampleOutcomes(count: 130).summands).map(&+)
        #expect(sum == outcomes)
        let three = try JSONEncoder().encode(ExampleOutcomes([true, false, true]))
        #expect(String(decoding: three, as: UTF8.self).contains("\"BQ==\""))
    }

    @Test(arguments: [
        #"{"count": 3, "correct": "DQ=="}"#, #"{"count": 3, "correct": "AAA="}"#, #"{"count": 3, "correct": "?"}"#,
        #"{"count": -1, "correct": ""}"#, #"{"count": 9, "correct": "AA=="}"#,
    ]) func damagedOutcomes(_ text: String) {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(ExampleOutcomes.self, from: Data(text.utf8))
        }
    }
}
