import Foundation

/// The axes of a line chart, and what is drawn between them.
struct PlotFrame {
    private let x: AxisTicks
    private let y: AxisTicks
    private let left: Double
    private let right: Double
    private let top: Double
    private let bottom: Double
    private let size: LineChart.Size
    private let sizes: [Double]
    private let isLogarithmic: Bool
    private let fontSize = 12.5

    /// - Parameter series: those with finite points; at least one.
    init(_ chart: LineChart, _ series: [LineChart.Series]) {
        size = chart.size
        let isSmall = size == .small
        let xs = series.lazy.flatMap(\.points).filter(\.isFinite).map(\.x)
        // A logarithm needs values above zero.
        sizes = chart.sizes.filter { $0 > 0 && $0.isFinite }.sorted()
        isLogarithmic = sizes.count > 1 && xs.allSatisfy { $0 > 0 }
        x = AxisTicks(
            from: min(xs.min() ?? 0, chart.places?.lowerBound ?? .infinity),
            to: max(xs.max() ?? 1, chart.places?.upperBound ?? -.infinity), count: isSmall ? 2 : 5, isWidened: false,
            wholeNumbers: chart.countsSteps)
        // Rare spikes of raw values are cut off rather than pressing the rest of the curve flat.
        let ranges = series.compactMap { one -> ClosedRange<Double>? in
            guard let range = one.points.range(leavingOut: one.isFaint ? 0.01 : 0) else { return nil }
            let bars = one.bars.compactMap { $0 }.filter { $0.lowerBound.isFinite && $0.upperBound.isFinite }
            let low = bars.map(\.lowerBound).min() ?? range.lowerBound
            let high = bars.map(\.upperBound).max() ?? range.upperBound
            return min(low, range.lowerBound)...max(high, range.upperBound)
        }
        let low = (ranges.map(\.lowerBound) + chart.reaches).min() ?? 0
        var high = (ranges.map(\.upperBound) + chart.reaches).max() ?? 1
        if let ceiling = chart.ceiling { high = min(high, ceiling) }
        let y = AxisTicks(from: min(low, high), to: high, count: isSmall ? 3 : 4)
        self.y = y
        let widest = y.values.map { displayWidth(y.label($0)) }.max() ?? 1
        left = Double(widest) * fontSize * 0.62 + 8
        right = size.width - (isSmall ? 10 : 16)
        top = 10
        bottom = size.height - (isSmall ? 24 : 42)
    }

    private func across(_ value: Double) -> Double {
        let span = x.span
        let part =
            isLogarithmic
            ? log(value / span.lowerBound) / log(span.upperBound / span.lowerBound)
            : (value - span.lowerBound) / (span.upperBound - span.lowerBound)
        return left + part * (right - left)
    }

    /// The marks of the horizontal axis.
    private var places: [Double] {
        if !isLogarithmic { return x.values.filter(x.span.contains) }
        return size == .small ? [sizes[0], sizes[sizes.count - 1]] : sizes
    }

    private func up(_ value: Double) -> Double {
        let span = y.span
        let inside = min(max(value, span.lowerBound), span.upperBound)
        return bottom - (inside - span.lowerBound) / (span.upperBound - span.lowerBound) * (bottom - top)
    }

    @MarkupBuilder func axes(xName: String) -> Markup {
        for value in y.values {
            let height = coordinate(up(value))
            tag("line", ["class": "grid", "x1": coordinate(left), "x2": coordinate(right), "y1": height, "y2": height])
            tag("text", ["class": "tick end", "x": coordinate(left - 6), "y": coordinate(up(value) + 4)]) {
                y.label(value)
            }
        }
        for value in places {
            tag("text", ["class": "tick mid", "x": coordinate(across(value)), "y": coordinate(bottom + 17)]) {
                isLogarithmic ? significant(value) : x.label(value)
            }
        }
        if size == .regular {
            tag("text", ["class": "axis end", "x": coordinate(right), "y": coordinate(size.height - 5)]) { xName }
        }
    }

    /// A vertical line with a name at its upper end.
    @MarkupBuilder func marker(_ value: Double, _ name: String, isAbove: Bool) -> Markup {
        if x.span.contains(value) {
            let place = coordinate(across(value))
            let isRight = across(value) > (left + right) / 2
            tag("line", ["class": "marker", "x1": place, "x2": place, "y1": coordinate(top), "y2": coordinate(bottom)])
            tag(
                "text",
                [
                    "class": isRight ? "tick halo end" : "tick halo",
                    "x": coordinate(across(value) + (isRight ? -5 : 5)),
                    "y": coordinate(isAbove ? top + 10 : bottom - 6),
                ]
            ) { name }
        }
    }

    @MarkupBuilder func curve(_ series: LineChart.Series, limit: Int) -> Markup {
        let points = series.points.thinned(to: limit)
        let color = LineChart.lineClass(series.color)
        for (point, bar) in zip(series.points, series.bars) where point.isFinite {
            if let bar { errorBar(point, bar, color) }
        }
        if points.count > 1 {
            tag(
                "polyline",
                [
                    "class": series.isFaint ? "faint \(color)" : "curve \(color)",
                    "points": points.map { coordinate(across($0.x)) + "," + coordinate(up($0.y)) }
                        .joined(separator: " "),
                ])
        }
        if points.count == 1 || series.hasMarks && points.count <= 40 {
            for point in points {
                tag(
                    "circle",
                    [
                        "class": "dot \(color)", "cx": coordinate(across(point.x)), "cy": coordinate(up(point.y)),
                        "r": size == .small ? "2" : "3",
                    ]
                ) {
                    tag("title") { "\(series.name), \(x.label(point.x)): \(significant(point.y))" }
                }
            }
        }
    }

    private func errorBar(_ point: CurvePoint, _ bar: ClosedRange<Double>, _ color: String) -> Markup {
        let place = coordinate(across(point.x))
        return tag(
            "line",
            [
                "class": "bar \(color)", "x1": place, "x2": place, "y1": coordinate(up(bar.lowerBound)),
                "y2": coordinate(up(bar.upperBound)),
            ])
    }
}

/// A number in four significant digits, for reading rather than for computing: "0.9975", "12.34", "2e-05", "1,234".
package func significant(_ value: Double) -> String {
    guard value.isFinite else { return "not finite" }
    let size = abs(value)
    if size == 0 { return "0" }
    if size >= 1000 { return size < 1e15 ? grouped(Int(value.rounded())) : "\(value)" }
    if size < 1e-3 { return general(value) }
    return trimmed(value, decimals: size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4)
}
