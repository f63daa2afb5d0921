extension RunConfiguration {
    /// The whole configuration as YAML that reads back to an equal value from any folder: every value is there, and every
    /// path is absolute.
    public func resolvedYAML() -> String {
        written(self).yaml()
    }

    /// Every key with its default and what it does, as YAML that reads as a configuration itself.
    public static var reference: String {
        var lines: [(text: String, comment: String)] = []
        for key in keys.map(\.information) { appendReference(key, indent: "", to: &lines) }
        let width = lines.map(\.text.count).max() ?? 0
        return lines.flatMap { line in
            wrapped(line.comment, width: 100 - width).enumerated().map { index, comment in
                let text = index == 0 ? line.text : ""
                return text + String(repeating: " ", count: width - text.count) + "  # \(comment)\n"
            }
        }.joined()
    }

    /// The words of a text in lines of at most so many characters.
    private static func wrapped(_ text: String, width: Int) -> [String] {
        text.split(separator: " ").reduce(into: []) { lines, word in
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }

    private static func appendReference(
        _ key: KeyInformation, indent: String, to lines: inout [(text: String, comment: String)]
    ) {
        guard key.children.isEmpty else {
            lines.append(("\(indent)\(key.name):", key.help))
            for (index, child) in key.children.enumerated() {
                let marker = key.isList ? (index == 0 ? "  - " : "    ") : "  "
                appendReference(child, indent: indent + marker, to: &lines)
            }
            return
        }
        let value = key.example ?? key.defaultNode?.yamlFlow ?? ""
        let unset = key.unset.map { " [\($0)]" } ?? (key.example == nil ? "" : " [needed]")
        let text = value.isEmpty ? "\(indent)\(key.name):" : "\(indent)\(key.name): \(value)"
        let expected = key.expected == String.expected ? "" : "; \(key.expected)"
        lines.append((text, key.help + expected + unset))
    }
}
