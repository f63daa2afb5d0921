import Metrics

extension RunPage {
    @MarkupBuilder var scores: Markup {
        let test = log.lastEvaluation(of: "test")
        let best = log.bestEvaluation
        let last = log.lastEvaluation(of: best?.split ?? "dev")
        if log.evaluations.isEmpty {
            tag("p", ["class": "empty"]) { "Nothing has been scored yet." }
        } else {
            tag("p") {
                "Each task is scored by itself, and the mean counts every task the same. The interval is where the accuracy "
                    + "of this model may lie with 95 % confidence, given how many examples were scored."
            }
        }
        if let test { ScoreTable(test, title: title(test)).markup }
        if let finished = log.lastEvaluation(of: RunEvent.Evaluation.testFinished) {
            furtherTable(finished, title: "Test files behind the finishing phase", isFirst: true)
        }
        if let rest = log.lastEvaluation(of: RunEvent.Evaluation.testWithoutExcluded) {
            furtherTable(rest, title: "Test files without the excluded rows", isFirst: false)
        }
        if let last, last.step != test?.step || last.split != test?.split {
            furtherTable(last, title: title(last), isFirst: test == nil)
        }
        if let best, best.step != last?.step {
            furtherTable(best, title: "\(title(best)): the best", isFirst: false)
        }
    }

    /// Where there are many tasks, tables behind the first are folded.
    @MarkupBuilder private func furtherTable(_ evaluation: RunEvent.Evaluation, title: String, isFirst: Bool) -> Markup
    {
        if isFirst || !manyTasks {
            ScoreTable(evaluation, title: title).markup
        } else {
            tag("details") {
                tag("summary") { title }
                ScoreTable(evaluation, title: nil).markup
            }
        }
    }

    private func title(_ evaluation: RunEvent.Evaluation) -> String {
        "\(evaluation.split == "test" ? "Test" : sentenceCase(evaluation.split)) files, step \(grouped(evaluation.step))"
    }

    private func sentenceCase(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }
}

/// The scores of all tasks at one step.
struct ScoreTable {
    private let evaluation: RunEvent.Evaluation
    private let title: String?

    init(_ evaluation: RunEvent.Evaluation, title: String?) {
        self.evaluation = evaluation
        self.title = title
    }

    var markup: Markup {
        tag("div", ["class": "scroll"]) {
            tag("table", ["class": "wide"]) {
                if let title { tag("caption") { title } }
                tag("thead") {
                    tag("tr") {
                        tag("th", ["scope": "col"]) { "task" }
                        heading("examples")
                        for name in names {
                            heading(name.title)
                            if name == .accuracy { heading("95 % interval") }
                        }
                    }
                }
                tag("tbody") {
                    for task in evaluation.tasks { row(task.name, task.scores) }
                    if evaluation.tasks.count > 1, let mean = TaskScores.mean(of: evaluation.tasks.map(\.scores)) {
                        row("mean", mean, isMean: true)
                    }
                }
            }
        }
    }

    private func row(_ name: String, _ scores: TaskScores, isMean: Bool = false) -> Markup {
        tag("tr", ["class": isMean ? "mean" : nil]) {
            tag("th", ["scope": "row"]) { tag("bdi") { name } }
            number(grouped(scores.count))
            for name in names {
                number(score(scores[name]))
                if name == .accuracy { number(isMean ? "" : interval(scores)) }
            }
        }
    }

    /// The scores that any of the tasks has, the loss last.
    private var names: [ScoreName] {
        let names = ScoreName.allCases.filter { name in evaluation.tasks.contains { $0.scores.has(name) } }
        return names.filter { $0 != .loss } + names.filter { $0 == .loss }
    }

    private func heading(_ text: String) -> Markup { tag("th", ["scope": "col", "class": "number"]) { text } }

    private func number(_ text: String) -> Markup { tag("td", ["class": "number"]) { text } }

    private func interval(_ scores: TaskScores) -> String {
        guard let range = wilsonInterval(scores.accuracy, count: scores.count) else { return "" }
        return "\(fixed(range.lowerBound, 3)) – \(fixed(range.upperBound, 3))"
    }
}

/// A score in four decimals; a dash for what is not a number.
func score(_ value: Double) -> String { value.isFinite ? fixed(value, 4) : "–" }

/// Where a proportion lies with 95 % confidence. Nil without examples.
///
/// Source: Wilson, Probable inference, the law of succession, and statistical inference (1927).
package func wilsonInterval(_ proportion: Double, count: Int) -> ClosedRange<Double>? {
    guard count > 0, (0...1).contains(proportion) else { return nil }
    let z = 1.959964
    let n = Double(count)
    let center = (proportion + z * z / (2 * n)) / (1 + z * z / n)
    let reach = z / (1 + z * z / n) * (proportion * (1 - proportion) / n + z * z / (4 * n * n)).squareRoot()
    return max(0, center - reach)...min(1, center + reach)
}
