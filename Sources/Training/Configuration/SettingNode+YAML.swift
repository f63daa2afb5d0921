import Yams

extension SettingNode {
    /// Reads YAML text.
    ///
    /// - Parameters:
    ///   - yaml: one YAML document. Merge keys (`<<: *anchor`) are laid under the mapping that holds them.
    ///   - origin: tells the place of a value from its line; every value of a `--set` argument has the same.
    /// - Returns: nil for a document without content.
    /// - Throws: `ConfigurationError` with one problem: a syntax error or a key given twice.
    static func parse(yaml: String, origin: (_ line: Int) -> Origin) throws -> SettingNode? {
        do {
            try YAMLLimits.check(yaml)
            guard let root = try Parser(yaml: yaml, encoding: .utf8).singleRoot() else { return nil }
            return try convert(root, depth: 0, origin: origin)
        } catch let excess as YAMLLimits.Excess {
            throw ConfigurationError([.init(at: origin(excess.line), excess.message)])
        } catch let error as YamlError {
            let (line, message) = explain(error, yaml: yaml)
            throw ConfigurationError([.init(at: origin(line), message)])
        }
    }

    private static func convert(_ node: Node, depth: Int, origin: (Int) -> Origin) throws -> SettingNode {
        let place = origin(node.mark?.line ?? 1)
        // Deeper than what is written, by aliases.
        guard depth <= YAMLLimits.depth else {
            throw ConfigurationError([.init(at: place, "values are nested more than \(YAMLLimits.depth) deep")])
        }
        switch node {
        case .scalar(let scalar):
            // Paths would end there.
            guard !scalar.string.utf8.contains(0) else {
                throw ConfigurationError([.init(at: place, "a value holds the character U+0000")])
            }
            let isQuoted = scalar.style != .plain || scalar.tag.rawValue == Tag.Name.str.rawValue
            return SettingNode(.scalar(scalar.string, isQuoted: isQuoted), place)
        case .sequence(let sequence):
            let items = try sequence.map { try convert($0, depth: depth + 1, origin: origin) }
            return SettingNode(.list(items), place)
        case .mapping(let mapping):
            var entries: [Entry] = []
            var merged: [SettingNode] = []
            for (key, value) in mapping {
                let keyPlace = origin(key.mark?.line ?? 1)
                guard let name = key.scalar?.string else {
                    throw ConfigurationError([.init(at: keyPlace, "a key must be a word, not a list or a mapping")])
                }
                let value = try convert(value, depth: depth + 1, origin: origin)
                if name == "<<" {
                    merged += value.items ?? [value]
                } else {
                    entries.append(Entry(key: name, keyOrigin: keyPlace, value: value))
                }
            }
            var names = Set(entries.map(\.key))
            for source in merged {
                guard let inherited = source.entries else {
                    throw ConfigurationError([.init(at: place, "<< merges mappings, and this is \(source.found)")])
                }
                for entry in inherited where names.insert(entry.key).inserted { entries.append(entry) }
            }
            return SettingNode(.mapping(entries), place)
        case .alias:
            throw ConfigurationError([.init(at: place, "this alias stands for nothing")])
        }
    }

    /// The line and the sentence for an error of the YAML parser.
    private static func explain(_ error: YamlError, yaml: String) -> (line: Int, message: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
            let text = lines.indices.contains(mark.line - 1) ? lines[mark.line - 1] : ""
            if text.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") {
                return (mark.line, "not valid YAML: indent with spaces, not tabs")
            }
            let what = context.map { "\($0.text), \(problem)" } ?? problem
            return (mark.line, "not valid YAML: \(what) (column \(mark.column))")
        case .duplicatedKeysInMapping(let duplicates, let context):
            let keys = duplicates.joined(separator: ", ")
            return (context.mark.line, "key \(keys) is given more than once in the same place; this is the first")
        case .reader(let problem, _, let value, _):
            let line = yaml.unicodeScalars.prefix { $0.value != UInt32(bitPattern: value) }.count { $0 == "\n" } + 1
            return (line, "not valid YAML: \(problem) (U+\(String(value, radix: 16, uppercase: true)))")
        default:
            return (1, "not valid YAML: \(error)")
        }
    }
}
