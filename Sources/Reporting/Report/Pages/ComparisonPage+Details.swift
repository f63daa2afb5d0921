import Metrics

extension ComparisonPage {
    /// What was taken for what, alone and together, over all seeds.
    @MarkupBuilder var confusions: Markup {
        tag("p") {
            "Counts over all seeds with \(fractionTitle(mainFraction)). Rows are the actual labels, columns what the model took "
                + "the texts for. Blue is right, orange is wrong; the stronger the colour, the greater the part of the row."
        }
        for task in comparison.tasks {
            tag("h3", ["class": "group"]) { tag("bdi") { task.name } }
            tag("div", ["class": "matrices"]) {
                for variant in comparison.variants.prefix(2) {
                    if let confusion = confusion(of: task.name, variant: variant.name) {
                        ConfusionTable(
                            title: variant.name, labels: labels(of: task, count: confusion.labelCount),
                            confusion: confusion
                        ).markup
                    }
                }
            }
        }
    }

    private func confusion(of task: String, variant: String) -> ConfusionCounts? {
        let all = comparison.runs.lazy.filter { $0.variant == variant && $0.fraction == mainFraction }
            .flatMap(\.tasks).filter { $0.name == task }.compactMap(\.confusion)
        guard let first = all.first, all.allSatisfy({ $0.labelCount == first.labelCount }) else { return nil }
        return all.dropFirst().reduce(first, +)
    }

    private func labels(of task: Comparison.Task, count: Int) -> [String] {
        task.labels.count == count ? task.labels : (0..<count).map { "label \($0)" }
    }

    @MarkupBuilder var costs: Markup {
        tag("p") {
            "Training alone, without evaluations and checkpoints, summed over all runs of a variant: every task and seed. Core "
                + "time is wall time × ranks × threads."
        }
        tag("div", ["class": "scroll"]) {
            tag("table", ["class": "wide"]) {
                tag("thead") {
                    tag("tr") {
                        tag("th", ["scope": "col"]) { "variant" }
                        tag("th", ["scope": "col"]) { "training size" }
                        for name in ["steps", "examples", "tokens", "core time", "against single"] {
                            tag("th", ["scope": "col", "class": "number"]) { name }
                        }
                    }
                }
                tag("tbody") {
                    for summary in comparison.summaries { costRow(summary) }
                }
            }
        }
    }

    private func costRow(_ summary: Comparison.Summary) -> Markup {
        let cost = summary.cost
        let numbers = [
            grouped(cost.steps), grouped(cost.examples), abbreviated(Double(cost.tokens)), duration(cost.coreSeconds),
            summary.costRatio.map { $0.isFinite ? "× \(fixed($0, 2))" : "–" } ?? "–",
        ]
        return tag("tr") {
            tag("th", ["scope": "row"]) { tag("bdi") { summary.variant } }
            tag("td") { summary.fraction }
            for number in numbers { tag("td", ["class": "number"]) { number } }
        }
    }

    @MarkupBuilder var setup: Markup {
        facts(
            [
                ("model", comparison.model), ("precision", comparison.precision),
                ("epochs", trimmed(comparison.epochs, decimals: 2)),
                ("scored", comparison.scoredAt == .best ? "the best evaluation’s weights" : "the last step’s weights"),
                ("seeds", comparison.seeds.map(String.init).joined(separator: ", ")),
                ("training sizes", comparison.fractions.map(\.name).joined(separator: ", ")),
            ]
                + comparison.variants.map { variant in
                    let settings =
                        variant.overrides.isEmpty ? "as configured" : variant.overrides.joined(separator: ", ")
                    return (
                        "variant \(variant.name)", (variant.isSingle ? "each task alone, " : "all tasks, ") + settings
                    )
                }
                + comparison.tasks.map { task in
                    let counts = [("train", task.trainCount), ("dev", task.devCount), ("test", task.testCount)]
                        .compactMap { name, count in count.map { "\(name) \(grouped($0))" } }.joined(separator: ", ")
                    return (
                        "task \(task.name)",
                        "\(counts); scored on \(task.split): \(task.labels.joined(separator: ", "))"
                    )
                })
    }
}

/// Names and what they stand for.
func facts(_ rows: [(name: String, value: String)]) -> Markup {
    tag("div", ["class": "scroll"]) {
        tag("table", ["class": "facts"]) {
            tag("tbody") {
                for (name, value) in rows {
                    tag("tr") {
                        tag("th", ["scope": "row"]) { tag("bdi") { beginning(of: name, limit: 80) } }
                        tag("td") { tag("bdi") { beginning(of: value) } }
                    }
                }
            }
        }
    }
}
