/// How well one label is found. A ratio with nothing below the line is 0, as with scikit-learn's `zero_division=0`.
public struct LabelScores: Sendable, Equatable {
    /// Of the examples taken for the label, the part that has it.
    public let precision: Double
    /// Of the examples that have the label, the part taken for it.
    public let recall: Double
    /// The harmonic mean of both.
    public let f1: Double
    /// Examples that have the label.
    public let support: Int64
    /// Examples taken for the label.
    public let predicted: Int64
}

/// Scores as scikit-learn defines them, every one in Double from integers. Without any example each is 0.
extension ConfusionCounts {
    /// The part of the examples that was predicted right: `accuracy_score`.
    public var accuracy: Double { ratio(correct, total) }

    /// One for each label: `precision_recall_fscore_support` with all labels given.
    public var labelScores: [LabelScores] {
        zip(actualCounts, predictedCounts).enumerated().map { label, sums in
            let (support, predicted) = sums
            let hits = self[actual: label, predicted: label]
            return LabelScores(
                precision: ratio(hits, predicted), recall: ratio(hits, support),
                f1: ratio(2 * hits, support + predicted),
                support: support, predicted: predicted)
        }
    }

    /// The mean of the labels' F1: `f1_score(average="macro", zero_division=0)`. As there, the mean is over the labels that
    /// occur, as an actual or a predicted one; a declared label that never does is left out.
    public var macroF1: Double { meanOverOccurring(\.f1) }

    /// The mean of the labels' recall over the labels that occur: `recall_score(average="macro", zero_division=0)`. A label
    /// that is predicted but never actual counts with recall 0, unlike in `balanced_accuracy_score`.
    public var macroRecall: Double { meanOverOccurring(\.recall) }

    /// The Matthews correlation coefficient for any number of labels, in -1...1: `matthews_corrcoef`. It is 0 where all
    /// examples have one label or are taken for one.
    ///
    /// Source: Gorodkin, Comparing two K-category assignments by a K-category correlation coefficient (2004), eq. 8.
    public var matthews: Double {
        let total = Double(total)
        var covariance = Double(correct) * total
        var actualVariance = total * total
        var predictedVariance = total * total
        for (actual, predicted) in zip(actualCounts, predictedCounts) {
            let (actual, predicted) = (Double(actual), Double(predicted))
            covariance -= actual * predicted
            actualVariance -= actual * actual
            predictedVariance -= predicted * predicted
        }
        let product = actualVariance * predictedVariance
        return product == 0 ? 0 : covariance / product.squareRoot()
    }

    private func meanOverOccurring(_ score: KeyPath<LabelScores, Double>) -> Double {
        let occurring = labelScores.filter { $0.support + $0.predicted > 0 }
        return occurring.isEmpty ? 0 : occurring.reduce(0) { $0 + $1[keyPath: score] } / Double(occurring.count)
    }
}

private func ratio(_ part: Int64, _ whole: Int64) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
