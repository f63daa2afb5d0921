import Metrics

extension RunPage {
    @MarkupBuilder var mistakesParts: Markup {
        if let evaluation = confusionEvaluation {
            tag("p") {
                "Rows are the actual labels, columns what the model took the texts for, on the \(evaluation.split) files at step "
                    + "\(grouped(evaluation.step)). Blue is right, orange is wrong; the stronger the colour, the greater the "
                    + "part of the row."
            }
            tag("div", ["class": "matrices"]) {
                for task in evaluation.tasks {
                    if let confusion = task.confusion {
                        ConfusionTable(
                            title: task.name, labels: log.labels(of: task.name, count: confusion.labelCount),
                            confusion: confusion
                        ).markup
                    }
                }
            }
        } else {
            tag("p", ["class": "empty"]) { "The log holds no counts of what was taken for what." }
        }
        if let mistakes = shownMistakes { worst(mistakes) }
    }

    /// The last one on the test files, or else the last at all, that has the counts.
    private var confusionEvaluation: RunEvent.Evaluation? {
        let counted = log.evaluations.filter { $0.tasks.contains { $0.confusion != nil } }
        return counted.last { $0.split == "test" } ?? counted.last
    }

    /// Those of a scoring that the log knows of: a file left over from an older run shows nothing.
    private var shownMistakes: RunEvent.Mistakes? {
        mistakes.flatMap { mistakes in
            log.evaluations.contains { $0.step == mistakes.step && $0.split == mistakes.split } ? mistakes : nil
        }
    }

    @MarkupBuilder private func worst(_ mistakes: RunEvent.Mistakes) -> Markup {
        tag("h3", ["class": "group"]) { "The worst mistakes" }
        tag("p") {
            "The texts of the \(mistakes.split) files that the model was most sure about and wrong. Some are hard, and some carry a "
                + "wrong label: it is worth looking."
        }
        for (index, task) in mistakes.tasks.enumerated() {
            tag("details", ["open": index == 0 || mistakes.tasks.count <= 3 ? "open" : nil]) {
                tag("summary") {
                    tag("bdi") { task.name }
                    tag("span", ["class": "more"]) { " – \(grouped(task.wrongCount)) of \(grouped(task.count)) wrong" }
                }
                if task.examples.isEmpty {
                    tag("p", ["class": "note"]) { "Not one." }
                } else {
                    tag("ol", ["class": "mistakes"]) {
                        for example in within(budget: 90_000 / max(1, mistakes.tasks.count), task.examples) {
                            item(example)
                        }
                    }
                }
            }
        }
    }

    private func item(_ example: RunEvent.Mistakes.Example) -> Markup {
        tag("li") {
            for text in example.texts.prefix(2) {
                tag("blockquote", ["dir": "auto"]) { beginning(of: text) }
            }
            tag("p", ["class": "verdict"]) {
                "is "
                tag("b") { tag("bdi") { beginning(of: example.actual, limit: 60) } }
                ", taken for "
                tag("b") { tag("bdi") { beginning(of: example.predicted, limit: 60) } }
                if example.probability.isFinite { " with \(percent(example.probability))" }
                " · row \(grouped(example.row))"
            }
        }
    }

    /// As many of the examples as stay below so many bytes of text, at least one: the page must stay small.
    private func within(budget: Int, _ examples: [RunEvent.Mistakes.Example]) -> [RunEvent.Mistakes.Example] {
        var used = 0
        return examples.prefix(10).enumerated().prefix { index, example in
            used += example.texts.prefix(2).reduce(0) { $0 + beginning(of: $1).utf8.count }
            return index == 0 || used <= budget
        }.map(\.element)
    }
}

/// The text, cut behind so many Unicode scalars: one character may be any number of them.
func beginning(of text: String, limit: Int = 400) -> String {
    let scalars = text.unicodeScalars
    // What was cut before ends in a dot of its own.
    guard let end = scalars.index(scalars.startIndex, offsetBy: limit + 1, limitedBy: scalars.endIndex),
        end < scalars.endIndex
    else { return text }
    return String(scalars[..<scalars.index(before: end)]) + "…"
}

/// What was taken for what, as a shaded table; for many labels as a list of the commonest mistakes.
struct ConfusionTable {
    let title: String
    let labels: [String]
    let confusion: ConfusionCounts

    /// The most labels that a table is drawn for.
    static let labelLimit = 12

    @MarkupBuilder var markup: Markup {
        if confusion.labelCount <= Self.labelLimit { matrix.markup } else { list }
    }

    private var matrix: ShadedMatrix {
        let cells = confusion.rows.enumerated().map { actual, row in
            let sum = row.reduce(0, +)
            return row.enumerated().map { predicted, count in
                let share = sum == 0 ? 0 : Double(count) / Double(sum)
                return ShadedMatrix.Cell(grouped(Int(count)), shade: actual == predicted ? share : -share)
            }
        }
        return ShadedMatrix(
            title: title, axes: ("actual", "predicted"), rowNames: labels, columnNames: labels, cells: cells,
            lastColumn: ("found", confusion.labelScores.map { $0.support == 0 ? "–" : percent($0.recall) }))
    }

    private var list: Markup {
        let pairs = (0..<confusion.labelCount).flatMap { actual in
            (0..<confusion.labelCount).compactMap { predicted -> (Int64, Int, Int)? in
                let count = confusion[actual: actual, predicted: predicted]
                return actual == predicted || count == 0 ? nil : (count, actual, predicted)
            }
        }.sorted { ($1.0, $0.1, $0.2) < ($0.0, $1.1, $1.2) }
        return tag("div", ["class": "scroll"]) {
            tag("table") {
                tag("caption") { "\(title): the commonest mistakes among \(confusion.labelCount) labels" }
                tag("thead") {
                    tag("tr") {
                        for name in ["actual", "predicted"] { tag("th", ["scope": "col"]) { name } }
                        tag("th", ["scope": "col", "class": "number"]) { "texts" }
                    }
                }
                tag("tbody") {
                    for (count, actual, predicted) in pairs.prefix(Self.labelLimit) {
                        tag("tr") {
                            tag("td") { tag("bdi") { beginning(of: labels[actual], limit: 40) } }
                            tag("td") { tag("bdi") { beginning(of: labels[predicted], limit: 40) } }
                            tag("td", ["class": "number"]) { grouped(Int(count)) }
                        }
                    }
                }
            }
        }
    }
}
