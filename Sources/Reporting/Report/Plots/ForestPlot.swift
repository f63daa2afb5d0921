/// Estimates with their intervals, one below the other, against zero.
package struct ForestPlot: Sendable {
    package struct Row: Sendable {
        package var name: String
        package var estimate: Double
        /// Nil where there is too little to say how sure the estimate is.
        package var interval: ClosedRange<Double>?
        /// Set apart from the others: a mean over them.
        package var isSummary = false

        package init(_ name: String, estimate: Double, interval: ClosedRange<Double>?, isSummary: Bool = false) {
            self.name = name
            self.estimate = estimate
            self.interval = interval
            self.isSummary = isSummary
        }
    }

    package var id: String
    package var title: String
    package var summary: String
    package var note: String
    package var rows: [Row]
    /// What lies left and right of zero: "alone is better", "together is better".
    package var sides: (left: String, right: String)
    /// Values as text.
    package var label: @Sendable (Double) -> String

    package init(
        id: String, title: String, summary: String, note: String, rows: [Row], sides: (left: String, right: String),
        label: @escaping @Sendable (Double) -> String
    ) {
        self.id = id
        self.title = title
        self.summary = summary
        self.note = note
        self.rows = rows
        self.sides = sides
        self.label = label
    }

    private static let width = 420.0
    private static let rowHeight = 42.0
    private static let margin = 14.0

    package var markup: Markup {
        tag("figure", ["class": "chart", "id": id]) {
            tag("figcaption") { tag("h3") { title } }
            drawing
            tag("p", ["class": "note"]) { note }
        }
    }

    private var drawing: Markup {
        let shown = rows.filter(\.estimate.isFinite)
        let ends = shown.flatMap { row in
            [row.estimate, row.interval?.lowerBound, row.interval?.upperBound].compactMap { $0 }.filter(\.isFinite)
        }
        // Both sides of zero are seen, even where all estimates are on one.
        let reach = max(abs(ends.min() ?? 0), abs(ends.max() ?? 0)) / 10
        let ticks = AxisTicks(from: min(-reach, ends.min() ?? 0), to: max(reach, ends.max() ?? 0), count: 5)
        let top = 26.0
        let bottom = top + Double(shown.count) * Self.rowHeight
        let span = ticks.span
        let across = { (value: Double) in
            Self.margin + (min(max(value, span.lowerBound), span.upperBound) - span.lowerBound)
                / (span.upperBound - span.lowerBound) * (Self.width - 2 * Self.margin)
        }
        let zero = across(0)
        return tag(
            "svg",
            [
                "viewBox": "0 0 \(coordinate(Self.width)) \(coordinate(bottom + 28))", "role": "img",
                "aria-labelledby": "\(id)-t \(id)-d",
            ]
        ) {
            tag("title", ["id": "\(id)-t"]) { title }
            tag("desc", ["id": "\(id)-d"]) { summary }
            tag("text", ["class": "axis", "x": coordinate(Self.margin), "y": "14"]) { "← \(sides.left)" }
            tag("text", ["class": "axis end", "x": coordinate(Self.width - Self.margin), "y": "14"]) {
                "\(sides.right) →"
            }
            for value in ticks.values {
                let x = coordinate(across(value))
                tag("line", ["class": "grid", "x1": x, "x2": x, "y1": coordinate(top), "y2": coordinate(bottom)])
                tag("text", ["class": "tick mid", "x": x, "y": coordinate(bottom + 18)]) { label(value) }
            }
            tag(
                "line",
                [
                    "class": "zero", "x1": coordinate(zero), "x2": coordinate(zero), "y1": coordinate(top),
                    "y2": coordinate(bottom),
                ])
            for (index, row) in shown.enumerated() {
                draw(row, top: top + Double(index) * Self.rowHeight, across)
            }
        }
    }

    @MarkupBuilder private func draw(_ row: Row, top: Double, _ across: (Double) -> Double) -> Markup {
        let color = row.estimate >= 0 ? "s0" : "s1"
        let line = top + 30
        tag(
            "text",
            ["class": row.isSummary ? "row strong" : "row", "x": coordinate(Self.margin), "y": coordinate(top + 17)]
        ) { cut(printable(row.name), toWidth: 34) }
        tag(
            "text",
            [
                "class": row.isSummary ? "row end strong" : "row end", "x": coordinate(Self.width - Self.margin),
                "y": coordinate(top + 17),
            ]
        ) { label(row.estimate) }
        if let interval = row.interval {
            tag(
                "line",
                [
                    "class": "interval \(color)", "x1": coordinate(across(interval.lowerBound)),
                    "x2": coordinate(across(interval.upperBound)), "y1": coordinate(line), "y2": coordinate(line),
                ])
        }
        let x = across(row.estimate)
        if row.isSummary {
            let corners = [(x, line - 7), (x + 7, line), (x, line + 7), (x - 7, line)]
            tag(
                "polygon",
                [
                    "class": "dot \(color)",
                    "points": corners.map { coordinate($0) + "," + coordinate($1) }.joined(separator: " "),
                ])
        } else {
            tag("circle", ["class": "dot \(color)", "cx": coordinate(x), "cy": coordinate(line), "r": "4.5"])
        }
    }
}
