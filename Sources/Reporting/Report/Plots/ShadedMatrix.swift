/// Numbers in rows and columns, each shaded by what it means: a table, with the numbers in it.
package struct ShadedMatrix: Sendable {
    package struct Cell: Sendable {
        package var text: String
        /// From -1 to 1: the sign chooses the colour, the size its strength; 0 for none.
        package var shade: Double

        package init(_ text: String, shade: Double) {
            self.text = text
            self.shade = shade
        }
    }

    package var title: String
    /// What rows and columns are, such as "actual" and "predicted".
    package var axes: (rows: String, columns: String)
    package var rowNames: [String]
    package var columnNames: [String]
    /// [rows][columns]
    package var cells: [[Cell]]
    /// A plain column behind the shaded ones: its name, and a text for each row.
    package var lastColumn: (name: String, texts: [String])?

    package init(
        title: String, axes: (rows: String, columns: String), rowNames: [String], columnNames: [String],
        cells: [[Cell]], lastColumn: (name: String, texts: [String])? = nil
    ) {
        self.title = title
        self.axes = axes
        self.rowNames = rowNames
        self.columnNames = columnNames
        self.cells = cells
        self.lastColumn = lastColumn
    }

    package var markup: Markup {
        tag("div", ["class": "scroll"]) {
            tag("table", ["class": "matrix"]) {
                tag("caption") { title }
                tag("thead") {
                    tag("tr") {
                        tag("td", ["class": "corner"]) {
                            "\(axes.rows) ↓"
                            tag("br")
                            "\(axes.columns) →"
                        }
                        for name in columnNames { heading(name, scope: "col") }
                        if let lastColumn { tag("th", ["scope": "col", "class": "plain"]) { lastColumn.name } }
                    }
                }
                tag("tbody") {
                    for (index, row) in cells.enumerated() {
                        tag("tr") {
                            heading(index < rowNames.count ? rowNames[index] : "", scope: "row")
                            for cell in row { tag("td", ["class": Self.shadeClass(cell.shade)]) { cell.text } }
                            if let lastColumn, index < lastColumn.texts.count {
                                tag("td", ["class": "plain"]) { lastColumn.texts[index] }
                            }
                        }
                    }
                }
            }
        }
    }

    private func heading(_ name: String, scope: String) -> Markup {
        // Many columns stay on the page when their names are short.
        let width = scope == "col" && columnNames.count > 8 ? 7 : 16
        let short = cut(printable(name), toWidth: width)
        return tag("th", ["scope": scope, "title": short == name ? nil : name]) { tag("bdi") { short } }
    }

    private static func shadeClass(_ shade: Double) -> String? {
        guard shade.isFinite else { return nil }
        let level = Int((min(1, abs(shade)) * 8).rounded(.up))
        return level == 0 ? nil : (shade > 0 ? "p\(level)" : "n\(level)")
    }
}
