/// Columns that a text takes on a terminal: two for a character of East Asian wide or fullwidth form, none for a mark that
/// combines with the character before it, and one for any other (Unicode Standard Annex 11, by blocks).
package func displayWidth(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { $0 + displayWidth($1) }
}

private func displayWidth(_ scalar: Unicode.Scalar) -> Int {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: break
    }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
        0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
        0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
        return 2
    default:
        return 1
    }
}

/// The text, cut so that it takes at most so many columns; a cut one ends in `…`.
package func cut(_ text: String, toWidth width: Int) -> String {
    guard displayWidth(text) > width else { return text }
    guard width > 0 else { return "" }
    var result = ""
    var used = 0
    for character in text {
        let columns = displayWidth(String(character))
        guard used + columns <= width - 1 else { break }
        result.append(character)
        used += columns
    }
    return result + "…"
}

/// The text without control characters: labels and paths come from files, and must not steer a terminal.
package func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
}

/// Rows of cells as lines with aligned columns: the first column and those in `leading` begin, all others end, where the
/// cells of their column do. No line ends in blanks.
package func aligned(_ rows: [[String]], leading: Set<Int> = [], indent: String = "") -> [String] {
    let columnCount = rows.map(\.count).max() ?? 0
    let widths = (0..<columnCount).map { column in
        rows.map { column < $0.count ? displayWidth($0[column]) : 0 }.max() ?? 0
    }
    return rows.map { row in
        var line = indent
        for (column, cell) in row.enumerated() {
            let padding = String(repeating: " ", count: widths[column] - displayWidth(cell))
            let isLeading = column == 0 || leading.contains(column)
            line += (column == 0 ? "" : "  ") + (isLeading ? cell + padding : padding + cell)
        }
        return String(line.reversed().drop { $0 == " " }.reversed())
    }
}
