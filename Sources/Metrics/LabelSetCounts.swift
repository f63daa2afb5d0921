/// How often each label of a multi-label task was found, missed and wrongly given: all that its scores need.
///
/// Counts are integers, so those of parts of an evaluation set may be added in any order and on any number of ranks.
public struct LabelSetCounts: Sendable, Equatable {
    public let labelCount: Int
    /// For each label three counts: rightly given, wrongly given, missed; then examples in all, and those with every label right.
    public private(set) var counts: [Int64]

    public init(labelCount: Int) {
        self.init(labelCount: labelCount, counts: [Int64](repeating: 0, count: Self.size(labelCount)))
    }

    /// Takes counts as `counts` gives them, such as the sum over ranks.
    public init(labelCount: Int, counts: [Int64]) {
        precondition(labelCount > 0 && counts.count == Self.size(labelCount), "three counts for each label, and two")
        self.labelCount = labelCount
        self.counts = counts
    }

    private static func size(_ labelCount: Int) -> Int { 3 * labelCount + 2 }

    /// Counts one more example, with one Boolean for each label.
    public mutating func add(actual: [Bool], predicted: [Bool]) {
        precondition(actual.count == labelCount && predicted.count == labelCount, "a decision for each label")
        for label in 0..<labelCount where actual[label] || predicted[label] {
            counts[3 * label + (actual[label] ? (predicted[label] ? 0 : 2) : 1)] += 1
        }
        counts[3 * labelCount] += 1
        if actual == predicted { counts[3 * labelCount + 1] += 1 }
    }

    /// Examples counted.
    public var total: Int64 { counts[3 * labelCount] }

    /// Examples with every label right.
    public var exact: Int64 { counts[3 * labelCount + 1] }

    /// The part of the examples with every label right: scikit-learn's `accuracy_score` of a multi-label task.
    public var accuracy: Double { total == 0 ? 0 : Double(exact) / Double(total) }

    /// F1 over all decisions together: `f1_score(average="micro", zero_division=0)`.
    public var microF1: Double {
        let sums = (0..<3).map { kind in
            stride(from: kind, to: 3 * labelCount, by: 3).reduce(Int64(0)) { $0 + counts[$1] }
        }
        return Self.f1(sums[0], sums[1], sums[2])
    }

    /// The mean of the labels' F1: `f1_score(average="macro", zero_division=0)`, over all labels.
    public var macroF1: Double {
        (0..<labelCount).reduce(0) { $0 + Self.f1(counts[3 * $1], counts[3 * $1 + 1], counts[3 * $1 + 2]) }
            / Double(labelCount)
    }

    private static func f1(_ hits: Int64, _ extra: Int64, _ missed: Int64) -> Double {
        let below = 2 * hits + extra + missed
        return below == 0 ? 0 : Double(2 * hits) / Double(below)
    }
}
