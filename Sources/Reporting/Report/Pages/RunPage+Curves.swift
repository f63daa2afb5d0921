import Metrics

extension RunPage {
    @MarkupBuilder var learningCurves: Markup {
        tag("div", ["class": "charts"]) {
            lossChart
            if !manyTasks, log.taskLosses.count > 1 { taskLossChart.markup }
            if !manyTasks { metricCharts }
            plainChart(
                "learning-rate", "Learning rate", log.learningRate,
                note: "What each step’s update is multiplied by: it rises in the warm-up and falls to the end.")
            noisyChart(
                "gradient-norm", "Gradient norm", log.gradientNorm,
                note:
                    "The length of the gradient before clipping, drawn like the loss. A mean that keeps growing is a warning: "
                    + "a lower learning rate may help.")
        }
        if manyTasks {
            multiples("Training loss of each task", "task-loss", log.taskLosses.map(smooth), reaches: [0])
            multiples("\(metricTitle) of each task on the \(metricSplit) files", "task-score", metricCurves)
        }
    }

    /// Whether there are more tasks than one chart can tell apart.
    var manyTasks: Bool { log.taskNames.count > LineChart.paletteSize }

    private var lossChart: Markup {
        noisyChart(
            "loss", "Training loss", log.loss,
            note:
                "The loss of every step, pale, and its mean over \(counted(smoothingWindow, "step")), strong. It should fall "
                + "fast at first and then level out.")
    }

    /// Values of steps that jump about: pale as they are, and smoothed.
    func noisyChart(_ id: String, _ title: String, _ points: [CurvePoint], note: String) -> Markup {
        let smoothed = smooth(points)
        let course = zip(smoothed.prefix(1), smoothed.suffix(1)).map {
            "Smoothed, it goes from \(significant($0.y)) to \(significant($1.y))."
        }
        let spike = points.range()?.upperBound ?? 0
        let isCut = spike > 2 * (points.range(leavingOut: 0.01)?.upperBound ?? spike)
        var chart = LineChart(
            id: id, title: title, summary: course.first ?? "No steps yet.",
            note: isCut ? "\(note) Rare spikes go beyond the drawing, up to \(significant(spike))." : note,
            series: [LineChart.Series("every step", points, isFaint: true), LineChart.Series("smoothed", smoothed)])
        chart.reaches = [0]
        chart.places = places
        return chart.markup
    }

    /// From the beginning to the last step.
    private var places: ClosedRange<Double> { 0...Double(max(1, log.lastStep ?? 1)) }

    private var taskLossChart: LineChart {
        var chart = LineChart(
            id: "task-loss", title: "Training loss by task", summary: ends(log.taskLosses),
            note: "Smoothed likewise, before weighting. A task that stays high is harder, or loses against the others.",
            series: log.taskLosses.map { LineChart.Series($0.name, smooth($0.points), color: color(of: $0.name)) })
        chart.reaches = [0]
        chart.places = places
        return chart
    }

    private func smooth(_ points: [CurvePoint]) -> [CurvePoint] {
        points.smoothed(window: max(1, points.count / 50))
    }

    private func smooth(_ curve: RunLog.TaskCurve) -> RunLog.TaskCurve {
        RunLog.TaskCurve(name: curve.name, points: smooth(curve.points))
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
                    startsAtZero: true)
            }
        }
    }

    private func metricChart(
        _ id: String, _ title: String, _ curves: [RunLog.TaskCurve], note: String, startsAtZero: Bool = false,
        ceiling: Double? = nil
    ) -> Markup {
        let parts = curves.compactMap { curve in
            curve.points.last.map { "\(curve.name) ends at \(significant($0.y))" }
        }
        var chart = LineChart(
            id: id, title: title, summary: parts.joined(separator: ", ") + ".", note: note,
            series: curves.map { LineChart.Series($0.name, $0.points, color: color(of: $0.name), hasMarks: true) })
        chart.reaches = startsAtZero ? [0] : []
        chart.ceiling = ceiling
        chart.places = places
        chart.marker = log.bestEvaluation.map { (Double($0.step), "best") }
        chart.hasMarkerAbove = startsAtZero
        return chart.markup
    }

    /// The score that chooses the best checkpoint.
    private var metric: ScoreName {
        let criterion = log.evaluations.last?.criterion ?? ""
        return criterion.split(separator: ".").last.flatMap { ScoreName(rawValue: String($0)) } ?? .accuracy
    }

    private var metricTitle: String { metric.title.prefix(1).uppercased() + metric.title.dropFirst() }

    private var metricSplit: String { log.bestEvaluation?.split ?? log.evaluations.first?.split ?? "dev" }
    private var metricCurves: [RunLog.TaskCurve] { curves(metric) }

    private func curves(_ score: ScoreName) -> [RunLog.TaskCurve] {
        let evaluations = log.evaluations.filter { $0.split == metricSplit }
        return log.taskNames.compactMap { name in
            let points = evaluations.compactMap { evaluation in
                evaluation.tasks.first { $0.name == name && $0.scores.has(score) }.map {
                    CurvePoint(Double(evaluation.step), $0.scores[score])
                }
            }
            return points.isEmpty ? nil : RunLog.TaskCurve(name: name, points: points)
        }
    }

    /// A small chart for each task, all with the same axes.
    @MarkupBuilder private func multiples(
        _ title: String, _ id: String, _ curves: [RunLog.TaskCurve], reaches: [Double] = []
    )
        -> Markup
    {
        let ranges = curves.compactMap { $0.points.range() }
        let shared = reaches + ranges.flatMap { [$0.lowerBound, $0.upperBound] }
        tag("h3", ["class": "group"]) { title }
        tag("div", ["class": "multiples"]) {
            for (index, curve) in curves.enumerated() { multiple("\(id)-\(index)", curve, shared) }
        }
    }

    private func multiple(_ id: String, _ curve: RunLog.TaskCurve, _ reaches: [Double]) -> Markup {
        var chart = LineChart(
            id: id, title: curve.name, summary: ends([curve]),
            series: [LineChart.Series(curve.name, curve.points, hasMarks: true)])
        chart.size = .small
        chart.reaches = reaches
        chart.places = places
        return chart.markup
    }

    private func plainChart(_ id: String, _ title: String, _ points: [CurvePoint], note: String) -> Markup {
        let range = points.range().map { "Between \(significant($0.lowerBound)) and \(significant($0.upperBound))." }
        var chart = LineChart(
            id: id, title: title, summary: range ?? "No steps yet.", note: note,
            series: [LineChart.Series(title, points, color: 0)])
        chart.reaches = [0]
        chart.places = places
        return chart.markup
    }

    /// Whether the log tells how the tasks weigh against each other.
    var hasTaskInterplay: Bool { !log.taskWeights.isEmpty || !log.gradients.isEmpty }

    @MarkupBuilder var taskInterplay: Markup {
        if !log.taskWeights.isEmpty, log.taskWeights.count <= LineChart.paletteSize {
            tag("div", ["class": "charts"]) { weightChart.markup }
        } else if !log.taskWeights.isEmpty {
            multiples("Weight of each task in the loss", "task-weight", log.taskWeights, reaches: [0])
        }
        if let last = log.gradients.last { cosineMatrix(last) }
    }

    private var weightChart: LineChart {
        var chart = LineChart(
            id: "task-weight", title: "Weight of each task in the loss", summary: ends(log.taskWeights),
            note:
                "What the weighting method makes of each task: a task with twice the weight moves the encoder twice as much.",
            series: log.taskWeights.map { LineChart.Series($0.name, $0.points, color: color(of: $0.name)) })
        chart.reaches = [0]
        chart.places = places
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
                    .init(
                        value.isFinite ? fixed(value, 2).replacing("-", with: "−") : "–",
                        shade: row == column ? 0 : value)
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
