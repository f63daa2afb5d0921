/// Parts of a whole: one bar, and a table that names them.
package struct ShareBar: Sendable {
    package struct Part: Sendable {
        package var name: String
        package var value: Double
        /// What it is, in a few words.
        package var meaning: String

        package init(_ name: String, _ value: Double, _ meaning: String) {
            self.name = name
            self.value = value
            self.meaning = meaning
        }
    }

    package var id: String
    package var title: String
    package var parts: [Part]
    /// A value as text.
    package var label: @Sendable (Double) -> String

    package init(id: String, title: String, parts: [Part], label: @escaping @Sendable (Double) -> String) {
        self.id = id
        self.title = title
        self.parts = parts.filter { $0.value.isFinite && $0.value >= 0 }
        self.label = label
    }

    package var markup: Markup? {
        let total = parts.reduce(0) { $0 + $1.value }
        guard total > 0, total.isFinite else { return nil }
        let starts = parts.indices.map { index in parts[..<index].reduce(0) { $0 + $1.value } / total * 1000 }
        let summary = parts.map { "\($0.name) \(percent($0.value / total))" }.joined(separator: ", ")
        return tag("figure", ["class": "chart", "id": id]) {
            tag("figcaption") { tag("h3") { title } }
            tag(
                "svg",
                [
                    "class": "shares", "viewBox": "0 0 1000 60", "preserveAspectRatio": "none", "role": "img",
                    "aria-labelledby": "\(id)-t \(id)-d",
                ]
            ) {
                tag("title", ["id": "\(id)-t"]) { title }
                tag("desc", ["id": "\(id)-d"]) { summary }
                for (index, part) in parts.enumerated() {
                    tag(
                        "rect",
                        [
                            "class": "part \(LineChart.lineClass(index))", "x": coordinate(starts[index]), "y": "0",
                            "width": coordinate(part.value / total * 1000), "height": "60",
                        ])
                }
            }
            tag("div", ["class": "scroll"]) {
                tag("table", ["class": "shares"]) {
                    tag("tbody") {
                        for (index, part) in parts.enumerated() {
                            tag("tr") {
                                tag("th", ["scope": "row"]) {
                                    tag("span", ["class": "key \(LineChart.lineClass(index))"])
                                    part.name
                                    tag("span", ["class": "meaning"]) { part.meaning }
                                }
                                tag("td", ["class": "number"]) { percent(part.value / total) }
                                tag("td", ["class": "number"]) { label(part.value) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A fraction in percent: "37.5 %".
package func percent(_ fraction: Double) -> String {
    guard fraction.isFinite else { return "–" }
    return fixed(100 * fraction, 1) + " %"
}
