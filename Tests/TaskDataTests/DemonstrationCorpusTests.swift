import Foundation
import TaskData
import Testing

private struct Example {
    let words: Set<Substring>
    let label: Int
}

/// A split as sets of words; Chinese characters are words, as BERT's tokenizer has it.
private func examples(_ task: DemonstrationCorpus.TaskTexts, _ split: DemonstrationCorpus.Split) throws -> [Example] {
    let rows = String(decoding: try #require(task.splits[split]), as: UTF8.self).split(separator: "\n").dropFirst()
    return try rows.map { row in
        let fields = row.split(separator: "\t")
        let separator: (Character) -> Bool = { $0 == " " }
        let words =
            task.name == "zh_reviews"
            ? fields[0].map { Substring(String($0)) } : fields[0].split(whereSeparator: separator)
        return Example(words: Set(words), label: try #require(task.labels.firstIndex(of: String(fields[1]))))
    }
}

/// Logistic regression over the words present, by stochastic gradient descent.
private struct BagOfWords {
    private var weights: [Substring: [Double]] = [:]
    private let labelCount: Int

    init(_ examples: [Example], labelCount: Int) {
        self.labelCount = labelCount
        for epoch in 0..<12 {
            let rate = 0.3 / Double(1 + epoch)
            for example in examples {
                let scores = scores(of: example).map { exp($0) }
                let total = scores.reduce(0, +)
                let slopes = scores.enumerated().map { rate * (($0 == example.label ? 1 : 0) - $1 / total) }
                for word in example.words {
                    let old = weights[word] ?? [Double](repeating: 0, count: labelCount)
                    weights[word] = zip(old, slopes).map { $0 + $1 }
                }
            }
        }
    }

    private func scores(of example: Example) -> [Double] {
        var scores = [Double](repeating: 0, count: labelCount)
        for word in example.words {
            guard let weight = weights[word] else { continue }
            for label in scores.indices { scores[label] += weight[label] }
        }
        return scores
    }

    func accuracy(on examples: [Example]) -> Double {
        let right = examples.count { example in
            let scores = scores(of: example)
            return scores.firstIndex(of: scores.max() ?? 0) == example.label
        }
        return Double(right) / Double(examples.count)
    }
}

@Suite struct DemonstrationCorpusTests {
    private let tasks = DemonstrationCorpus.tasks()

    @Test func opensThroughTheTaskFileReader() throws {
        for description in DemonstrationCorpus.descriptions() {
            let dataset = try TaskDataset(description, seed: 1)
            #expect(dataset.trainingRows.count == DemonstrationCorpus.count(of: .train))
            #expect(dataset.dev?.rowCount == DemonstrationCorpus.count(of: .dev))
            #expect(dataset.test?.rowCount == DemonstrationCorpus.count(of: .test))
        }
        #expect(tasks.map(\.name) == ["reviews", "tweets", "zh_reviews"])
        #expect(tasks.map(\.labels.count) == [2, 3, 2])
    }

    @Test func everyTextIsDifferentAndClassesAreBalanced() throws {
        for task in tasks {
            let rows = try DemonstrationCorpus.Split.allCases.flatMap { split in
                String(decoding: try #require(task.splits[split]), as: UTF8.self).split(separator: "\n").dropFirst()
            }
            let fields = rows.map { $0.split(separator: "\t") }
            #expect(fields.allSatisfy { $0.count == 2 })
            #expect(Set(fields.map { $0[0] }).count == fields.count)
            for label in task.labels {
                let share = Double(fields.count { $0[1] == label }) / Double(fields.count)
                #expect(abs(share * Double(task.labels.count) - 1) < 0.01)
            }
        }
    }

    @Test func isTheSameEveryTime() {
        #expect(DemonstrationCorpus.tasks().map(\.splits) == tasks.map(\.splits))
    }

    @Test func countsOfWordsDoNotSolveIt() throws {
        for task in tasks {
            let model = BagOfWords(try examples(task, .train), labelCount: task.labels.count)
            let accuracy = model.accuracy(on: try examples(task, .dev))
            #expect(accuracy < 0.8, "\(task.name)")
            #expect(accuracy > 0.5, "\(task.name)")
        }
    }

    @Test func vocabularyCoversTheCorpus() throws {
        let vocabulary = DemonstrationCorpus.vocabulary()
        let known = Set(vocabulary)
        #expect(known.count == vocabulary.count)
        #expect(Array(vocabulary.prefix(5)) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        #expect(vocabulary.count < 700)
        for task in tasks {
            for split in DemonstrationCorpus.Split.allCases {
                let words = try examples(task, split).flatMap(\.words)
                // Marks stand by themselves in the vocabulary, as the tokenizer cuts them off.
                let unmarked = words.flatMap { $0.split { !$0.isLetter && !$0.isNumber } }.map(String.init)
                #expect(unmarked.allSatisfy(known.contains))
            }
        }
        for mark in ["@", "#", ":", ".", ",", "!", "?", "，", "。", "a", "##a", "9", "##9"] {
            #expect(known.contains(mark))
        }
    }
}
