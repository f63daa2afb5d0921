import Metrics

extension ComparisonPage {
    /// Accuracy over the training size.
    @MarkupBuilder var sizeCurves: Markup {
        tag("p") {
            "Accuracy in percent by the number of training examples of a task, on a logarithmic axis. Bars are ± one standard "
                + "deviation over the seeds. Where sharing makes up for missing examples, the curves draw together to the right."
        }
        tag("div", ["class": "charts"]) {
            sizeChart(nil, id: "size-mean", title: "Mean over the tasks", isSmall: false)
        }
        tag("div", ["class": "multiples"]) {
            for (index, task) in comparison.tasks.enumerated() {
                sizeChart(index, id: "size-\(index)", title: task.name, isSmall: true)
            }
        }
    }

    /// - Parameter task: nil for the mean.
    private func sizeChart(_ task: Int?, id: String, title: String, isSmall: Bool) -> Markup {
        let series = comparison.variants.map { variant in
            let rows = comparison.fractions.compactMap { fraction -> (Double, Comparison.SummaryRow)? in
                let summary = comparison.summaries.first { $0.variant == variant.name && $0.fraction == fraction.name }
                guard let summary, task.map({ $0 < summary.tasks.count }) ?? true else { return nil }
                let size = trainingSize(fraction, task: task)
                return (size, task.map { summary.tasks[$0] } ?? summary.mean)
            }.sorted { $0.0 < $1.0 }
            return LineChart.Series(
                variant.name, rows.map { CurvePoint($0.0, 100 * $0.1.accuracy) }, color: color(of: variant.name),
                hasMarks: true,
                bars: rows.map { _, row in
                    row.standardDeviation.flatMap { deviation in
                        deviation >= 0 && deviation.isFinite && row.accuracy.isFinite
                            ? 100 * (row.accuracy - deviation)...100 * (row.accuracy + deviation) : nil
                    }
                })
        }
        let ends = series.compactMap { one in
            one.points.last.map { "\(one.name) reaches \(significant($0.y)) % with \(significant($0.x))" }
        }
        var chart = LineChart(
            id: id, title: title, summary: ends.joined(separator: ", ") + ".",
            note: isSmall ? nil : "The colours are those of the small charts below, one for each task.", series: series)
        chart.xName = "training examples a task"
        chart.sizes = Array(Set(series.flatMap(\.points).map(\.x)))
        chart.ceiling = 100
        chart.size = isSmall ? .small : .regular
        chart.hasLegend = !isSmall
        return chart.markup
    }

    /// How many examples of a task a fraction trains on; for the mean, how many on average.
    private func trainingSize(_ fraction: Comparison.Fraction, task: Int?) -> Double {
        let sizes = comparison.tasks.map { Double(fraction.size(of: $0.trainCount)) }
        if let task { return sizes[task] }
        return sizes.isEmpty ? 0 : sizes.reduce(0, +) / Double(sizes.count)
    }

    /// Accuracy over the steps, of the first seed.
    @MarkupBuilder var evaluationCurves: Markup {
        tag("p") {
            "Accuracy in percent of each task on its evaluations during training, with \(fractionTitle(mainFraction)) and seed "
                + "\(comparison.seeds.first.map(String.init) ?? "–"). Runs of one task alone are shorter: they see the same "
                + "examples in fewer steps, so each curve is drawn over its own course from 0 to 100 %."
        }
        tag("ul", ["class": "legend"]) {
            for variant in comparison.variants {
                tag("li") {
                    LineChart.swatch(color: color(of: variant.name))
                    tag("bdi") { variant.name }
                }
            }
        }
        tag("div", ["class": "multiples"]) {
            for (index, task) in comparison.tasks.enumerated() { evaluationChart(task.name, id: "course-\(index)") }
        }
    }

    private func evaluationChart(_ task: String, id: String) -> Markup {
        let series = comparison.variants.compactMap { variant -> LineChart.Series? in
            guard let run = run(of: task, variant: variant.name),
                let result = run.tasks.first(where: { $0.name == task })
            else { return nil }
            let length = Double(max(1, max(run.cost.steps, result.curve.map(\.step).max() ?? 1)))
            return LineChart.Series(
                variant.name, result.curve.map { CurvePoint(100 * Double($0.step) / length, 100 * $0.accuracy) },
                color: color(of: variant.name))
        }
        let ends = series.compactMap { one in one.points.last.map { "\(one.name) ends at \(significant($0.y)) %" } }
        var chart = LineChart(id: id, title: task, summary: ends.joined(separator: ", ") + ".", series: series)
        chart.size = .small
        chart.ceiling = 100
        chart.places = 0...100
        chart.hasLegend = false
        return chart.markup
    }

    /// The run of the first seed at the main fraction that trained the task.
    func run(of task: String, variant: String) -> Comparison.Run? {
        comparison.runs.first { run in
            run.variant == variant && run.fraction == mainFraction && run.seed == comparison.seeds.first
                && run.tasks.contains { $0.name == task }
        }
    }

    /// Cosines between the gradients of the tasks, of every variant that has them.
    @MarkupBuilder var cosineMatrices: Markup {
        let names = comparison.tasks.map(\.name)
        let measured = mainSummaries.filter { summary in
            guard let cosines = summary.gradientCosines else { return false }
            return cosines.count == names.count && cosines.allSatisfy { $0.count == names.count }
        }
        if !measured.isEmpty {
            CosineMatrix.note
            tag("div", ["class": names.count <= 4 ? "matrices" : nil]) {
                for summary in measured {
                    CosineMatrix(title: summary.variant, names: names, cosines: summary.gradientCosines ?? []).markup
                }
            }
        }
    }
}
