/// How often each actual label was predicted as each label: all that the scores of a classifier need.
///
/// Counts are integers, so those of parts of an evaluation set may be added in any order and on any number of ranks.
public struct ConfusionCounts: Sendable, Equatable, Codable {
    public let labelCount: Int
    /// [labelCount, labelCount], row-major: the row is the actual label, the column the predicted one.
    public private(set) var counts: [Int64]

    public init(labelCount: Int) {
        precondition(labelCount > 0, "a task has at least one label")
        self.labelCount = labelCount
        counts = [Int64](repeating: 0, count: labelCount * labelCount)
    }

    /// Takes counts as `counts` gives them, such as the sum over ranks.
    public init(labelCount: Int, counts: [Int64]) {
        precondition(labelCount > 0 && counts.count == labelCount * labelCount, "one count for each pair of labels")
        precondition(counts.allSatisfy { $0 >= 0 }, "counts are not negative")
        self.labelCount = labelCount
        self.counts = counts
    }

    /// Counts `count` more examples of label `actual` that were taken for `predicted`. Both are in 0..<labelCount.
    public mutating func add(actual: Int, predicted: Int, count: Int64 = 1) {
        counts[index(actual, predicted)] += count
    }

    public subscript(actual actual: Int, predicted predicted: Int) -> Int64 { counts[index(actual, predicted)] }

    public static func += (left: inout ConfusionCounts, right: ConfusionCounts) {
        precondition(left.labelCount == right.labelCount, "counts of the same labels")
        for index in left.counts.indices { left.counts[index] += right.counts[index] }
    }

    public static func + (left: ConfusionCounts, right: ConfusionCounts) -> ConfusionCounts {
        var sum = left
        sum += right
        return sum
    }

    /// The counts row by row: one row for each actual label, one column for each predicted one.
    public var rows: [[Int64]] {
        stride(from: 0, to: counts.count, by: labelCount).map { Array(counts[$0..<$0 + labelCount]) }
    }

    /// Examples counted.
    public var total: Int64 { counts.reduce(0, +) }

    /// Examples on the diagonal.
    public var correct: Int64 { (0..<labelCount).reduce(0) { $0 + counts[$1 * labelCount + $1] } }

    /// [labelCount]: examples that have each label.
    public var actualCounts: [Int64] {
        (0..<labelCount).map { row in counts[row * labelCount..<(row + 1) * labelCount].reduce(0, +) }
    }

    /// [labelCount]: examples taken for each label.
    public var predictedCounts: [Int64] {
        (0..<labelCount).map { column in
            stride(from: column, to: counts.count, by: labelCount).reduce(0) { $0 + counts[$1] }
        }
    }

    private func index(_ actual: Int, _ predicted: Int) -> Int {
        precondition(
            0..<labelCount ~= actual && 0..<labelCount ~= predicted,
            "labels \(actual) and \(predicted) are not both in 0..<\(labelCount)")
        return actual * labelCount + predicted
    }
}
