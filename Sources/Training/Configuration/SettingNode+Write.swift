extension SettingNode {
    /// The tree as a YAML document in block style, with lists of scalars on one line.
    func yaml() -> String {
        var lines: [String] = []
        for entry in entries ?? [] { entry.append(to: &lines, indent: "") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A scalar or a list of scalars on one line.
    var yamlFlow: String {
        switch content {
        case .scalar(let text, let isQuoted): isQuoted && !Self.isPlainText(text) ? Self.quoted(text) : text
        case .list(let items): "[" + items.map(\.yamlFlow).joined(separator: ", ") + "]"
        case .mapping(let entries):
            "{" + entries.map { "\($0.key): \($0.value.yamlFlow)" }.joined(separator: ", ") + "}"
        }
    }

    /// Whether a text needs no quotes: it starts like a word or a path, has no character with a meaning in YAML, and is
    /// neither one of YAML's words for true, false and nothing, nor anything that looks like a number.
    private static func isPlainText(_ text: String) -> Bool {
        guard let first = text.first, first == "/" || (first.isASCII && first.isLetter) else { return false }
        let isSafe = text.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "/._-".unicodeScalars.contains(scalar)
        }
        let words: Set = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        return isSafe && !words.contains(text.lowercased())
    }

    /// YAML's double quotes: the escapes of JSON.
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case _ where scalar.properties.generalCategory == .control, "\u{2028}", "\u{2029}", "\u{FEFF}":
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension SettingNode.Entry {
    fileprivate func append(to lines: inout [String], indent: String) {
        switch value.content {
        case .mapping(let entries):
            lines.append("\(indent)\(key):")
            for entry in entries { entry.append(to: &lines, indent: indent + "  ") }
        case .list(let items) where items.contains { $0.entries != nil }:
            lines.append("\(indent)\(key):")
            for item in items {
                let start = lines.count
                for entry in item.entries ?? [] { entry.append(to: &lines, indent: indent + "    ") }
                if start < lines.count { lines[start] = "\(indent)  - " + lines[start].dropFirst(indent.count + 4) }
            }
        case .scalar, .list:
            lines.append("\(indent)\(key): \(value.yamlFlow)")
        }
    }
}
