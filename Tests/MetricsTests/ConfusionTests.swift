import Metrics
import Testing

/// Counts with the scores that scikit-learn gives them.
struct ConfusionGolden: Sendable, CustomTestStringConvertible {
    let name: String
    let labelCount: Int
    let counts: [Int64]
    let accuracy: Double
    let macroF1: Double
    let macroRecall: Double
    let matthews: Double
    let precision: [Double]
    let recall: [Double]
    let f1: [Double]

    var testDescription: String { name }
}

@Suite struct ConfusionTests {
    @Test(arguments: ConfusionGolden.cases)
    func scoresAreThoseOfScikitLearn(_ golden: ConfusionGolden) {
        let counts = ConfusionCounts(labelCount: golden.labelCount, counts: golden.counts)
        func isClose(_ value: Double, _ expected: Double) -> Bool {
            abs(value - expected) <= 4e-16 * max(1, abs(expected))
        }
        #expect(isClose(counts.accuracy, golden.accuracy))
        #expect(isClose(counts.macroF1, golden.macroF1))
        #expect(isClose(counts.macroRecall, golden.macroRecall))
        #expect(isClose(counts.matthews, golden.matthews))
        for (label, scores) in counts.labelScores.enumerated() {
            #expect(isClose(scores.precision, golden.precision[label]))
            #expect(isClose(scores.recall, golden.recall[label]))
            #expect(isClose(scores.f1, golden.f1[label]))
        }
    }

    /// Worked out on paper.
    @Test func scoresByHand() {
        var counts = ConfusionCounts(labelCount: 2)
        counts.add(actual: 1, predicted: 1, count: 6)
        counts.add(actual: 1, predicted: 0, count: 2)
        counts.add(actual: 0, predicted: 1)
        counts.add(actual: 0, predicted: 0, count: 3)
        #expect(counts.total == 12)
        #expect(counts.correct == 9)
        #expect(counts.actualCounts == [4, 8])
        #expect(counts.predictedCounts == [5, 7])
        #expect(counts.accuracy == 0.75)
        #expect(counts.labelScores[1].precision == 6.0 / 7)
        #expect(counts.labelScores[1].recall == 0.75)
        #expect(counts.labelScores[1].f1 == 0.8)
        #expect(counts.labelScores[0].f1 == 2.0 / 3)
        #expect(counts.labelScores[0].support == 4)
        #expect(counts.labelScores[0].predicted == 5)
        #expect(counts.macroRecall == 0.75)
        #expect(abs(counts.macroF1 - (0.8 + 2.0 / 3) / 2) < 1e-15)
        // (6·3 - 1·2) / √(7·8·4·5)
        #expect(abs(counts.matthews - 16 / 1120.0.squareRoot()) < 1e-15)
    }

    @Test func nothingCountedScoresZero() {
        let counts = ConfusionCounts(labelCount: 3)
        #expect(counts.accuracy == 0)
        #expect(counts.macroF1 == 0)
        #expect(counts.macroRecall == 0)
        #expect(counts.matthews == 0)
        #expect(counts.labelScores.allSatisfy { $0.precision == 0 && $0.recall == 0 && $0.f1 == 0 })
    }

    @Test func partsAddUpToTheWhole() {
        var whole = ConfusionCounts(labelCount: 3)
        var parts = [ConfusionCounts](repeating: whole, count: 4)
        for index in 0..<100 {
            whole.add(actual: index % 3, predicted: index * index % 3)
            parts[index % 4].add(actual: index % 3, predicted: index * index % 3)
        }
        #expect(whole.total == 100)
        #expect(whole[actual: 1, predicted: 1] == 33)
        #expect(parts.reduce(ConfusionCounts(labelCount: 3), +) == whole)
        #expect(parts.reversed().reduce(ConfusionCounts(labelCount: 3), +) == whole)
    }

    @Test func countsBeyondThirtyTwoBitsKeepTheirScores() {
        let small = ConfusionCounts(labelCount: 2, counts: [40, 10, 5, 45])
        let large = ConfusionCounts(labelCount: 2, counts: small.counts.map { $0 * 1_000_000_000_000 })
        #expect(large.accuracy == small.accuracy)
        #expect(abs(large.matthews - small.matthews) < 1e-12)
    }
}
