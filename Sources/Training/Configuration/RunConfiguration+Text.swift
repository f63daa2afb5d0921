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
        return lines.map { line in
            let padding = String(repeating: " ", count: width - line.text.count)
            return line.comment.isEmpty ? line.text : "\(line.text)\(padding)  # \(line.comment)"
        }.joined(separator: "\n") + "\n"
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
        lines.append((text, "\(key.help); \(key.expected)\(unset)"))
    }
}
