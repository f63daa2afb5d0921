import Metrics

/// A comparison as one page: what training tasks together does to each of them.
struct ComparisonPage {
    let comparison: Comparison
    /// What the page calls it: the name of its folder.
    let name: String

    var html: String {
        Markup.page(title: "\(name) – mtbert-dist", style: ReportStyle.css, body: body)
    }

    @MarkupBuilder private var body: Markup {
        tag("header") {
            tag("p", ["class": "kicker"]) { "mtbert-dist · report of a comparison" }
            tag("h1") { tag("bdi") { name } }
            tag("p", ["class": "lead"]) { lead }
            tiles
            tag("nav", ["aria-label": "Contents"]) {
                for part in parts { tag("a", ["href": "#\(part.id)"]) { part.short } + "\n" }
            }
        }
        tag("main") {
            for part in parts {
                tag("section", ["id": part.id]) {
                    tag("h2") { part.title }
                    part.body
                }
            }
        }
        tag("footer") {
            "Made from comparison.json by mtbert-dist \(comparison.program). It is one file that loads nothing, so it can be "
                + "mailed and kept."
        }
    }

    private struct Part {
        var id: String
        var short: String
        var title: String
        var body: Markup
    }

    private var parts: [Part] {
        var parts = [
            Part(id: "gains", short: "Gains", title: "Does it help?", body: gains),
            Part(id: "scores", short: "Scores", title: "Scores", body: scoreTables),
        ]
        if comparison.fractions.count > 1 {
            parts.append(
                Part(id: "sizes", short: "Sizes", title: "With more training examples", body: sizeCurves))
        }
        parts.append(Part(id: "learning", short: "Learning", title: "On the way", body: evaluationCurves))
        let matrices = cosineMatrices
        if matrices != .nothing {
            parts.append(Part(id: "gradients", short: "Gradients", title: "Do the tasks agree?", body: matrices))
        }
        parts.append(Part(id: "mistakes", short: "Mistakes", title: "What is taken for what", body: confusions))
        parts.append(Part(id: "cost", short: "Cost", title: "What it cost", body: costs))
        parts.append(Part(id: "setup", short: "Set-up", title: "How it was made", body: setup))
        return parts
    }

    private var lead: String {
        let tasks = counted(comparison.tasks.count, "task")
        let seeds = comparison.seeds.count == 1 ? "with one seed" : "with \(comparison.seeds.count) seeds"
        return "\(tasks), each trained alone and all together, \(seeds): does training together help? The answer for "
            + "\(fractionTitle(mainFraction)):"
    }

    /// The answer of each variant.
    private var tiles: Markup {
        tag("dl", ["class": "tiles"]) {
            for summary in mainSummaries.filter({ $0.mean.gain != nil }).prefix(4) {
                if let gain = summary.mean.gain { tile(summary, gain) }
            }
        }
    }

    private func tile(_ summary: Comparison.Summary, _ gain: Comparison.Interval) -> Markup {
        let verdict = gain.lower > 0 ? "It helps" : gain.upper < 0 ? "It harms" : "No clear difference"
        let count = { (share: Double?) in
            share.flatMap { Int(exactly: ($0 * Double(comparison.tasks.count)).rounded()) } ?? 0
        }
        return tag("div") {
            tag("dt") { tag("bdi") { summary.variant } }
            tag("dd") {
                tag("span", ["class": "value"]) { "\(points(gain.estimate)) points" }
                tag("span", ["class": "more"]) {
                    "\(verdict): the mean accuracy gains between \(points(gain.lower)) and \(points(gain.upper)). "
                        + "\(count(summary.helpedShare)) of \(counted(comparison.tasks.count, "task")) clearly better, "
                        + "\(count(summary.harmedShare)) clearly worse."
                }
            }
        }
    }
}

extension ComparisonPage {
    /// The fraction that stands for the comparison where only one can: the last, which is the largest as a rule.
    var mainFraction: String { comparison.fractions.last?.name ?? "" }

    var mainSummaries: [Comparison.Summary] { comparison.summaries.filter { $0.fraction == mainFraction } }

    func fractionTitle(_ name: String) -> String {
        comparison.fractions.first { $0.name == name }.map(trainingSizeTitle) ?? "no training examples"
    }

    /// The same colour for a variant in all charts.
    func color(of variant: String) -> Int {
        let order = comparison.variants.firstIndex { $0.name == variant } ?? 0
        // Joint training, the second, is the subject of the page: it has the first colour.
        return order == 0 ? 1 : order == 1 ? 0 : order
    }

    @MarkupBuilder private var gains: Markup {
        tag("p") {
            "Accuracy against the same task trained alone, in percentage points, with \(fixed(comparison.confidence * 100, 0)) % "
                + "intervals over seeds and test examples (paired bootstrap, \(grouped(comparison.resamples)) resamples). A task is "
                + "clearly helped or harmed where the whole interval lies on one side of zero."
        }
        tag("div", ["class": "charts"]) {
            for (index, summary) in mainSummaries.filter({ $0.mean.gain != nil }).prefix(6).enumerated() {
                forest(summary, id: "gain-\(index)")
            }
        }
    }

    private func forest(_ summary: Comparison.Summary, id: String) -> Markup {
        let rows = (summary.tasks + [summary.mean]).compactMap { row -> ForestPlot.Row? in
            guard let gain = row.gain, gain.estimate.isFinite else { return nil }
            let isWhole = gain.lower.isFinite && gain.upper.isFinite && gain.lower <= gain.upper
            return .init(
                row.name, estimate: gain.estimate, interval: isWhole ? gain.lower...gain.upper : nil,
                isSummary: row.name == summary.mean.name)
        }
        let summaryText = rows.map { "\($0.name) \(points($0.estimate))" }.joined(separator: ", ")
        return ForestPlot(
            id: id, title: "\(printable(summary.variant)) against single, \(fractionTitle(summary.fraction))",
            summary: "Gains in points: \(summaryText).",
            note: "Dots are estimates, lines their intervals, the diamond the mean over the tasks.", rows: rows,
            sides: ("alone is better", "\(cut(printable(summary.variant), toWidth: 20)) is better"),
            label: { points($0) }
        ).markup
    }

    @MarkupBuilder private var scoreTables: Markup {
        tag("p") {
            "Accuracy, the mean over \(counted(comparison.seeds.count, "seed"))"
                + (comparison.seeds.count > 1 ? " ± the standard deviation" : "")
                + ". Behind it the gain over the task alone."
        }
        for fraction in comparison.fractions {
            scoreTable(
                comparison.summaries.filter { $0.fraction == fraction.name },
                title: sentenceCase(fractionTitle(fraction.name)))
        }
        if let without = comparison.summariesWithoutExcluded {
            scoreTable(
                without.filter { $0.fraction == mainFraction },
                title: "\(sentenceCase(fractionTitle(mainFraction))), without the excluded test rows")
        }
    }

    private func scoreTable(_ summaries: [Comparison.Summary], title: String) -> Markup {
        tag("div", ["class": "scroll"]) {
            tag("table", ["class": "wide"]) {
                tag("caption") { title }
                tag("thead") {
                    tag("tr") {
                        tag("th", ["scope": "col"]) { "task" }
                        for summary in summaries {
                            tag("th", ["scope": "col", "class": "number"]) { tag("bdi") { summary.variant } }
                            if summary.mean.gain != nil { tag("th", ["scope": "col", "class": "number"]) { "gain" } }
                        }
                    }
                }
                tag("tbody") {
                    for (index, task) in comparison.tasks.enumerated() {
                        scoreRow(task.name, summaries.map { index < $0.tasks.count ? $0.tasks[index] : nil }, summaries)
                    }
                    scoreRow("mean", summaries.map(\.mean), summaries, isMean: true)
                    meanRow("mean macro F1", summaries) { row in
                        row.macroF1.map { score($0, row.macroF1Deviation) }
                    }
                    meanRow("gain over joint", summaries) { row in
                        row.gainOverJoint.map { "\(points($0.estimate)) (\(points($0.lower)) to \(points($0.upper)))" }
                    }
                }
            }
        }
    }

    private func scoreRow(
        _ name: String, _ rows: [Comparison.SummaryRow?], _ summaries: [Comparison.Summary], isMean: Bool = false
    ) -> Markup {
        tag("tr", ["class": isMean ? "mean" : nil]) {
            tag("th", ["scope": "row"]) { tag("bdi") { name } }
            for (row, summary) in zip(rows, summaries) {
                tag("td", ["class": "number"]) {
                    row.map { score($0.accuracy, $0.standardDeviation) } ?? "–"
                }
                if summary.mean.gain != nil {
                    tag("td", ["class": "number"]) { row?.gain.map { points($0.estimate) } ?? "–" }
                }
            }
        }
    }

    /// What is known of the means only; nothing where it is known of none.
    @MarkupBuilder private func meanRow(
        _ name: String, _ summaries: [Comparison.Summary], _ value: (Comparison.SummaryRow) -> String?
    ) -> Markup {
        let values = summaries.map { value($0.mean) }
        if values.contains(where: { $0 != nil }) {
            tag("tr") {
                tag("th", ["scope": "row"]) { name }
                for (value, summary) in zip(values, summaries) {
                    tag("td", ["class": "number", "colspan": summary.mean.gain == nil ? nil : "2"]) { value ?? "–" }
                }
            }
        }
    }

    private func score(_ value: Double, _ deviation: Double?) -> String {
        fixed(100 * value, 1) + (deviation.map { " ± \(fixed(100 * $0, 1))" } ?? "")
    }

    func sentenceCase(_ words: String) -> String { words.prefix(1).uppercased() + words.dropFirst() }
}

/// A difference of fractions in percentage points, with its sign: "+1.3", "−0.4".
func points(_ difference: Double) -> String {
    guard difference.isFinite else { return "–" }
    let text = fixed(abs(100 * difference), 1)
    return text == "0.0" ? text : (difference < 0 ? "−" : "+") + text
}
