import Kernels
import Metrics
import MultiTaskBERT
import TaskData

/// What an evaluation keeps of one task's examples: counts that may be added in any order, or numbers each in its own place.
struct TaskTally: Sendable {
    private let kind: TaskKind
    /// Of a task with one label an example.
    private(set) var confusion: ConfusionCounts?
    /// Of a task with any number of labels.
    private var sets: LabelSetCounts?
    /// The predicted numbers of a regression, by place among the usable rows.
    private var numbers: [Double] = []
    /// Which examples are all right, by place; nil of a regression.
    private var allOutcomes: ExampleOutcomes?

    /// An example's loss and what was made of it.
    struct Outcome {
        let loss: Double
        /// In the form of the example's label.
        let predicted: Int
        /// What the model gave the prediction, from 0 to 1; not a number where it gives none.
        let probability: Double
    }

    /// The places that count.
    private let places: [Int]

    /// - Parameters:
    ///   - rows: the usable ones of the file.
    ///   - excluded: rows of the file that do not count, and are never added.
    init(_ task: ClassificationTask, _ rows: RowSelection, excluding excluded: Set<Int> = []) {
        let count = rows.count
        places = (0..<count).filter { !excluded.contains(rows[$0]) }
        kind = task.kind
        if kind != .regression { allOutcomes = ExampleOutcomes(count: count) }
        switch kind {
        case .singleLabel: confusion = ConfusionCounts(labelCount: task.labels.count)
        case .multiLabel: sets = LabelSetCounts(labelCount: task.labels.count)
        case .regression: numbers = [Double](repeating: 0, count: count)
        }
    }

    /// Takes in an example.
    ///
    /// - Parameters:
    ///   - logits: [outputs of the task].
    ///   - place: among the usable rows.
    mutating func add(_ logits: [Float], label: Int, place: Int) -> Outcome {
        let scores = logits.map(Double.init)
        switch kind {
        case .singleLabel:
            let predicted = indexOfLargest(logits)
            confusion?.add(actual: label, predicted: predicted)
            if predicted == label { allOutcomes?.markCorrect(place) }
            return Outcome(
                loss: crossEntropy(scores, label: label), predicted: predicted, probability: softmax(scores)[predicted])
        case .multiLabel:
            let actual = scores.indices.map { LabelCode.set(label, contains: $0) }
            let predicted = scores.map { $0 > 0 }
            sets?.add(actual: actual, predicted: predicted)
            if predicted == actual { allOutcomes?.markCorrect(place) }
            return Outcome(
                loss: binaryCrossEntropy(scores, labels: actual),
                predicted: LabelCode.set(predicted.indices.filter { predicted[$0] }),
                probability: scores.reduce(1) { $0 * max(sigmoid($1), 1 - sigmoid($1)) })
        case .regression:
            numbers[place] = scores[0]
            let distance = scores[0] - Double(LabelCode.value(label))
            return Outcome(loss: distance * distance, predicted: LabelCode.number(logits[0]), probability: .nan)
        }
    }

    /// What ranks add up: every number is zero on all ranks but one, or a count.
    var integers: [Int64] {
        get {
            (confusion?.counts ?? sets?.counts ?? numbers.map { Int64(bitPattern: $0.bitPattern) })
                + (allOutcomes?.summands ?? [])
        }
        set {
            let newValue = takeOutcomes(newValue)
            if let confusion {
                self.confusion = ConfusionCounts(labelCount: confusion.labelCount, counts: newValue)
            } else if let sets {
                self.sets = LabelSetCounts(labelCount: sets.labelCount, counts: newValue)
            } else {
                numbers = newValue.map { Double(bitPattern: UInt64(bitPattern: $0)) }
            }
        }
    }

    /// Which of the examples that count are all right; nil of a regression.
    var outcomes: ExampleOutcomes? {
        guard let allOutcomes else { return nil }
        return ExampleOutcomes(places.map { allOutcomes[$0] })
    }

    /// Takes the examples' outcomes from the end of the integers, and returns the rest.
    private mutating func takeOutcomes(_ integers: [Int64]) -> [Int64] {
        guard let count = allOutcomes?.summands.count else { return integers }
        allOutcomes?.summands = integers.suffix(count)
        return integers.dropLast(count)
    }

    /// - Parameters:
    ///   - loss: the sum over the examples.
    ///   - file: that was scored.
    func scores(loss: Double, _ file: TaskFile) -> TaskScores {
        let count = places.count
        let mean = loss / Double(max(1, count))
        if let confusion {
            return TaskScores(
                count: count, loss: mean, accuracy: confusion.accuracy, macroF1: confusion.macroF1,
                macroRecall: confusion.macroRecall, matthews: confusion.matthews)
        }
        if let sets {
            return TaskScores(
                count: count, [.loss: mean, .accuracy: sets.accuracy, .microF1: sets.microF1, .macroF1: sets.macroF1])
        }
        let actual = places.map { Double(LabelCode.value(file.label(ofRow: file.usableRows[$0]))) }
        let predicted = places.map { numbers[$0] }
        return TaskScores(
            count: count,
            [
                .loss: mean, .pearson: Correlation.pearson(actual, predicted),
                .spearman: Correlation.spearman(actual, predicted),
            ])
    }
}

extension ClassificationTask {
    /// A label, as an example's or as a prediction, in words.
    func text(of code: Int) -> String {
        switch kind {
        case .singleLabel: labels[code]
        case .multiLabel:
            code == 0
                ? "none"
                : labels.indices.filter { LabelCode.set(code, contains: $0) }.map { labels[$0] }
                    .joined(separator: ", ")
        case .regression: "\(LabelCode.value(code))"
        }
    }
}

/// The first of the largest elements.
func indexOfLargest(_ values: [Float]) -> Int {
    values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
}
