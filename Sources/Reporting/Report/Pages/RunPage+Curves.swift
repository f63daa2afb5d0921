import Metrics

extension RunPage {
    @MarkupBuilder var learningCurves: Markup {
        tag("div", ["class": "charts"]) {
            lossChart.markup
            if !manyTasks, log.taskLosses.count > 1 { taskLossChart.markup }
            if !manyTasks { metricCharts }
            plainChart(
                "learning-rate", "Learning rate", log.learningRate,
                note: "What each step’s update is multiplied by: it rises in the warm-up and falls to the end.")
            plainChart(
                "gradient-norm", "Gradient norm", log.gradientNorm,
                note: "The length of the gradient before clipping. Spikes that grow towards the end are a warning.")
        }
        if manyTasks {
            multiples(
                "Training loss of each task", "task-loss",
                log.taskLosses.map { curve in
                    (curve.name, [LineChart.Series(curve.name, smooth(curve.points))])
                })
            multiples(
                "\(metricTitle) of each task on the \(metricSplit) files", "task-score",
                metricCurves.map {
                    ($0.name, [LineChart.Series($0.name, $0.points, hasMarks: true)])
                }, ceiling: 1)
        }
    }

    /// Whether there are more tasks than one chart can tell apart.
    var manyTasks: Bool { log.taskNames.count > LineChart.paletteSize }

    private var lossChart: LineChart {
        let smoothed = smooth(log.loss)
        let fall = zip(smoothed.prefix(1), smoothed.suffix(1)).map {
            "from \(significant($0.y)) to \(significant($1.y))"
        }
        var chart = LineChart(
            id: "loss", title: "Training loss",
            summary: "Loss over steps, smoothed: \(fall.first ?? "no steps yet").",
            note:
                "The loss of every step, pale, and its mean over \(counted(smoothingWindow, "step")), strong. It should fall "
                + "fast at first and then level out.",
            series: [LineChart.Series("every step", log.loss, isFaint: true), LineChart.Series("smoothed", smoothed)])
        chart.floor = 0
        return chart
    }

    private var taskLossChart: LineChart {
        var chart = LineChart(
            id: "task-loss", title: "Training loss by task", summary: ends(log.taskLosses),
            note: "Smoothed likewise, before weighting. A task that stays high is harder, or loses against the others.",
            series: log.taskLosses.map { LineChart.Series($0.name, smooth($0.points), color: color(of: $0.name)) })
        chart.floor = 0
        return chart
    }

    private func smooth(_ points: [CurvePoint]) -> [CurvePoint] {
        points.smoothed(window: max(1, points.count / 50))
    }

    /// The same colour for a task in all charts.
    func color(of task: String) -> Int { log.taskNames.firstIndex(of: task) ?? 0 }

    /// "reviews ends at 0.0123, …", for those who do not see a chart.
    private func ends(_ curves: [RunLog.TaskCurve]) -> String {
        let parts = curves.compactMap { curve in
            smooth(curve.points).last.map { "\(curve.name) ends at \(significant($0.y))" }
        }
        return parts.joined(separator: ", ") + "."
    }

    @MarkupBuilder private var metricCharts: Markup {
        if !metricCurves.isEmpty {
            metricChart(
                "task-score", "\(metricTitle) on the \(metricSplit) files", metricCurves,
                note:
                    "Measured on texts that training never sees. Where a curve turns down, more training hurts that task.",
                ceiling: metric.isHigherBetter ? 1 : nil)
            if metric != .loss {
                metricChart(
                    "task-dev-loss", "Loss on the \(metricSplit) files", curves(.loss),
                    note: "It rises when the model grows too sure of its mistakes, often before the accuracy suffers.",
                    floor: 0)
            }
        }
    }

    private func metricChart(
        _ id: String, _ title: String, _ curves: [RunLog.TaskCurve], note: String, floor: Double? = nil,
        ceiling: Double? = nil
    ) -> Markup {
        let parts = curves.compactMap { curve in
            curve.points.last.map { "\(curve.name) ends at \(significant($0.y))" }
        }
        var chart = LineChart(
            id: id, title: title, summary: parts.joined(separator: ", ") + ".", note: note,
            series: curves.map { LineChart.Series($0.name, $0.points, color: color(of: $0.name), hasMarks: true) })
        chart.floor = floor
        chart.ceiling = ceiling
        chart.marker = log.bestEvaluation.map { (Double($0.step), "best") }
        return chart.markup
    }

    /// The score that chooses the best checkpoint.
    private var metric: ScoreName {
        let criterion = log.evaluations.last?.criterion ?? ""
        return criterion.split(separator: ".").last.flatMap { ScoreName(rawValue: String($0)) } ?? .accuracy
    }

    private var metricTitle: String {
        switch metric {
        case .loss: "Loss"
        case .accuracy: "Accuracy"
        case .macroF1: "Macro F1"
        case .macroRecall: "Macro recall"
        case .matthews: "Matthews correlation"
        }
    }

    private var metricSplit: String { log.bestEvaluation?.split ?? log.evaluations.first?.split ?? "dev" }
    private var metricCurves: [RunLog.TaskCurve] { curves(metric) }

    private func curves(_ score: ScoreName) -> [RunLog.TaskCurve] {
        let evaluations = log.evaluations.filter { $0.split == metricSplit }
        return log.taskNames.compactMap { name in
            let points = evaluations.compactMap { evaluation in
                evaluation.tasks.first { $0.name == name }.map {
                    CurvePoint(Double(evaluation.step), $0.scores[score])
                }
            }
            return points.isEmpty ? nil : RunLog.TaskCurve(name: name, points: points)
        }
    }

    @MarkupBuilder private func multiples(
        _ title: String, _ id: String, _ charts: [(name: String, series: [LineChart.Series])], ceiling: Double? = nil
    ) -> Markup {
        tag("h3", ["class": "group"]) { title }
        tag("div", ["class": "multiples"]) {
            for (index, one) in charts.enumerated() {
                multiple("\(id)-\(index)", one.name, one.series, ceiling)
            }
        }
    }

    private func multiple(_ id: String, _ name: String, _ series: [LineChart.Series], _ ceiling: Double?) -> Markup {
        let last = series.last?.points.last.map { "It ends at \(significant($0.y))." } ?? "Nothing yet."
        var chart = LineChart(id: id, title: name, summary: last, series: series)
        chart.size = .small
        chart.floor = ceiling == nil ? 0 : nil
        chart.ceiling = ceiling
        return chart.markup
    }

    private func plainChart(_ id: String, _ title: String, _ points: [CurvePoint], note: String) -> Markup {
        let range = points.range().map { "Between \(significant($0.lowerBound)) and \(significant($0.upperBound))." }
        var chart = LineChart(
            id: id, title: title, summary: range ?? "No steps yet.", note: note,
            series: [LineChart.Series(title, points, color: 0)])
        chart.floor = 0
        return chart.markup
    }

    /// Whether the log tells how the tasks weigh against each other.
    var hasTaskInterplay: Bool { !log.taskWeights.isEmpty || !log.gradients.isEmpty }

    @MarkupBuilder var taskInterplay: Markup {
        if !log.taskWeights.isEmpty, log.taskWeights.count <= LineChart.paletteSize {
            tag("div", ["class": "charts"]) { weightChart.markup }
        } else if !log.taskWeights.isEmpty {
            multiples(
                "Weight of each task in the loss", "task-weight",
                log.taskWeights.map { curve in
                    (curve.name, [LineChart.Series(curve.name, curve.points)])
                })
        }
        if let last = log.gradients.last { cosineMatrix(last) }
    }

    private var weightChart: LineChart {
        var chart = LineChart(
            id: "task-weight", title: "Weight of each task in the loss", summary: ends(log.taskWeights),
            note:
                "What the weighting method makes of each task: a task with twice the weight moves the encoder twice as much.",
            series: log.taskWeights.map { LineChart.Series($0.name, $0.points, color: color(of: $0.name)) })
        chart.floor = 0
        return chart
    }

    @MarkupBuilder private func cosineMatrix(_ gradients: RunLog.Gradients) -> Markup {
        CosineMatrix(
            title: "Cosines of task gradients, step \(grouped(gradients.step))", names: gradients.tasks,
            cosines: gradients.cosines
        ).markup
        CosineMatrix.note
    }
}

/// Cosines between the gradients of tasks.
struct CosineMatrix {
    let title: String
    let names: [String]
    /// [tasks][tasks]
    let cosines: [[Double]]

    var markup: Markup {
        ShadedMatrix(
            title: title, axes: ("task", "task"), rowNames: names, columnNames: names,
            cells: cosines.enumerated().map { row, values in
                values.enumerated().map { column, value in
                    .init(value.isFinite ? fixed(value, 2) : "–", shade: row == column ? 0 : value)
                }
            }
        ).markup
    }

    static var note: Markup {
        tag("p", ["class": "note"]) {
            "Above 0 (blue) two tasks pull the encoder in the same direction and help each other; below 0 (orange) they pull "
                + "against each other; near 0 they do not care."
        }
    }
}
