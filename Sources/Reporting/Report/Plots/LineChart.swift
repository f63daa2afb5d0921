/// Curves over one axis, as a figure with a heading, a legend, the drawing, and a sentence on how to read it.
package struct LineChart: Sendable {
    package struct Series: Sendable {
        package var name: String
        package var points: [CurvePoint]
        /// Which of the page's colours; equal numbers mean the same thing in all charts.
        package var color: Int
        /// Drawn thin and pale, behind the others and without an entry of its own: raw values behind smooth ones.
        package var isFaint = false
        /// Whether points are marked and tell their value.
        package var hasMarks = false
        /// What each point may be off: a vertical bar, as many as points or none.
        package var bars: [ClosedRange<Double>?] = []

        package init(
            _ name: String, _ points: [CurvePoint], color: Int = 0, isFaint: Bool = false, hasMarks: Bool = false,
            bars: [ClosedRange<Double>?] = []
        ) {
            self.name = name
            self.points = points
            self.color = color
            self.isFaint = isFaint
            self.hasMarks = hasMarks
            self.bars = bars
        }
    }

    package enum Size: Sendable {
        case regular
        /// For many charts side by side.
        case small

        var width: Double { self == .regular ? 420 : 210 }
        var height: Double { self == .regular ? 240 : 140 }
        /// The most points of a curve.
        var pointLimit: Int { self == .regular ? 200 : 100 }
    }

    /// Names the figure in the page; unique.
    package var id: String
    package var title: String
    /// What it shows, in words, for those who do not see it.
    package var summary: String
    /// How to read it, shown below; nothing where the section says it.
    package var note: String?
    package var series: [Series]
    package var xName = "step"
    package var size = Size.regular
    /// Values that the axis reaches to in any case.
    package var reaches: [Double] = []
    /// The axis reaches no further than here.
    package var ceiling: Double?
    /// The axis goes at least so far on either side, so that charts of one run stand below each other.
    package var places: ClosedRange<Double>?
    /// Where the axis has its marks, for sizes that grow by factors: it is logarithmic then.
    package var sizes: [Double] = []
    /// A place that a vertical line marks, and its name.
    package var marker: (x: Double, name: String)?
    /// Whether the name stands above rather than below: where curves fall.
    package var hasMarkerAbove = false
    /// Whether places on the axis are whole numbers.
    package var countsSteps = true
    /// Whether curves are named, where there are several.
    package var hasLegend = true

    package init(id: String, title: String, summary: String, note: String? = nil, series: [Series]) {
        self.id = id
        self.title = title
        self.summary = summary
        self.note = note
        self.series = series
    }

    package var markup: Markup {
        let named = series.filter { !$0.isFaint }
        return tag("figure", ["class": size == .small ? "chart small" : "chart", "id": id]) {
            tag("figcaption") {
                tag("h3") { title }
                if hasLegend, named.count > 1 {
                    tag("ul", ["class": "legend"]) {
                        for one in named {
                            tag("li") {
                                Self.swatch(color: one.color)
                                tag("bdi") { one.name }
                            }
                        }
                    }
                }
            }
            drawing
            if let note { tag("p", ["class": "note"]) { note } }
        }
    }

    /// A piece of a curve, for a legend.
    static func swatch(color: Int) -> Markup {
        tag("svg", ["class": "swatch", "viewBox": "0 0 24 10", "aria-hidden": "true"]) {
            tag("line", ["class": "curve \(lineClass(color))", "x1": "0", "y1": "5", "x2": "24", "y2": "5"])
        }
    }

    static func lineClass(_ color: Int) -> String { "s\(color % paletteSize)" }

    /// How many curves the page can tell apart.
    package static let paletteSize = 6

    private var drawing: Markup {
        let shown = series.filter { $0.points.contains(where: \.isFinite) }
        guard !shown.isEmpty else { return tag("p", ["class": "empty"]) { "There is nothing to draw yet." } }
        let frame = PlotFrame(self, shown)
        return tag(
            "svg",
            [
                "viewBox": "0 0 \(coordinate(size.width)) \(coordinate(size.height))", "role": "img",
                "aria-labelledby": "\(id)-t \(id)-d",
            ]
        ) {
            tag("title", ["id": "\(id)-t"]) { title }
            tag("desc", ["id": "\(id)-d"]) { summary }
            frame.axes(xName: xName)
            if let marker { frame.marker(marker.x, marker.name, isAbove: hasMarkerAbove) }
            for one in shown where one.isFaint { frame.curve(one, limit: size.pointLimit) }
            for one in shown where !one.isFaint { frame.curve(one, limit: size.pointLimit) }
        }
    }
}

/// A place in a drawing, to a tenth of a pixel.
package func coordinate(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e9 else { return "0" }
    let tenths = Int((value * 10).rounded())
    if tenths % 10 == 0 { return String(tenths / 10) }
    return "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
}
