import Metrics
import Testing

@Suite struct LabelSetTests {
    /// Four examples, three labels; the scores by hand, as scikit-learn defines them.
    @Test func microAndMacro() {
        var counts = LabelSetCounts(labelCount: 3)
        counts.add(actual: [true, false, true], predicted: [true, false, true])
        counts.add(actual: [true, false, false], predicted: [true, true, false])
        counts.add(actual: [false, false, false], predicted: [false, false, false])
        counts.add(actual: [true, false, true], predicted: [false, false, true])
        #expect(counts.total == 4 && counts.exact == 2 && counts.accuracy == 0.5)
        // Right 2, 0, 2; extra 0, 1, 0; missed 1, 0, 0.
        #expect(counts.microF1 == 8.0 / 10)
        #expect(abs(counts.macroF1 - (0.8 + 0 + 1) / 3) < 1e-15)
        let copy = LabelSetCounts(labelCount: 3, counts: counts.counts)
        #expect(copy == counts)
    }

    @Test func nothingCounted() {
        let counts = LabelSetCounts(labelCount: 2)
        #expect(counts.accuracy == 0 && counts.microF1 == 0 && counts.macroF1 == 0)
    }
}

@Suite struct CorrelationTests {
    /// Values of `numpy.corrcoef`, of the numbers and of their average ranks.
    @Test func againstNumPy() {
        let (x, y) = ([1.0, 2, 2, 3.5, 10, -4], [0.5, 1, 3, 2, 4, -9.0])
        #expect(abs(Correlation.pearson(x, y) - 0.825_477_743_567_453_8) < 1e-14)
        #expect(abs(Correlation.spearman(x, y) - 0.898_645_105_261_295_2) < 1e-14)
    }

    @Test func equalOnesShareTheirRank() {
        #expect(abs(Correlation.spearman([1, 1, 1, 2], [5, 5, 5, 6]) - 1) < 1e-15)
        #expect(Correlation.spearman([1, 2, 3], [9, 4, 1]) == -1)
    }

    @Test func whatDoesNotVaryHasNone() {
        #expect(Correlation.pearson([1, 1], [2, 3]) == 0 && Correlation.pearson([], []) == 0)
        #expect(Correlation.pearson([1, .nan], [2, 3]).isNaN && Correlation.spearman([1, 2], [.nan, 3]).isNaN)
    }

    @Test func meansAreOverTheTasksThatHaveTheScore() throws {
        let classes = TaskScores(count: 3, loss: 1, accuracy: 0.5, macroF1: 0.25, macroRecall: 0.75, matthews: 0)
        let numbers = TaskScores(count: 5, [.loss: 3, .pearson: 0.5, .spearman: 0.25])
        let mean = try #require(TaskScores.mean(of: [classes, numbers]))
        #expect(mean.count == 8 && mean.loss == 2 && mean.accuracy == 0.5 && mean[.pearson] == 0.5)
        #expect(!mean.has(.microF1) && mean[.microF1].isNaN)
        #expect(numbers.names == [.loss, .pearson, .spearman])
    }
}
