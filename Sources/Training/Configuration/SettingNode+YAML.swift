import Yams

extension SettingNode {
    /// A larger tree is no configuration; aliases of aliases could otherwise grow one without bound.
    private static let nodeLimit = 100_000
    private static let depthLimit = 32

    /// Reads YAML text.
    ///
    /// - Parameters:
    ///   - yaml: one YAML document. Merge keys (`<<: *anchor`) are laid under the mapping that holds them.
    ///   - origin: tells the place of a value from its line; every value of a `--set` argument has the same.
    /// - Returns: nil for a document without content.
    /// - Throws: `ConfigurationError` with one problem: a syntax error or a key given twice.
    static func parse(yaml: String, origin: (_ line: Int) -> Origin) throws -> SettingNode? {
        if let line = lineNestedTooDeep(in: yaml, limit: depthLimit) {
            throw ConfigurationError([.init(at: origin(line), "values are nested more than \(depthLimit) deep")])
        }
        do {
            guard let root = try Parser(yaml: yaml, encoding: .utf8).singleRoot() else { return nil }
            var count = 0
            return try convert(root, depth: 0, count: &count, origin: origin)
        } catch let error as YamlError {
            let (line, message) = explain(error, yaml: yaml)
            throw ConfigurationError([.init(at: origin(line), message)])
        }
    }

    private static func convert(
        _ node: Node, depth: Int, count: inout Int, origin: (Int) -> Origin
    ) throws -> SettingNode {
        let place = origin(node.mark?.line ?? 1)
        count += 1
        guard count <= nodeLimit, depth <= depthLimit else {
            throw ConfigurationError([.init(at: place, "the document is too large or too deep for a configuration")])
        }
        switch node {
        case .scalar(let scalar):
            let isQuoted = scalar.style != .plain || scalar.tag.rawValue == Tag.Name.str.rawValue
            return SettingNode(.scalar(scalar.string, isQuoted: isQuoted), place)
        case .sequence(let sequence):
            let items = try sequence.map { try convert($0, depth: depth + 1, count: &count, origin: origin) }
            return SettingNode(.list(items), place)
        case .mapping(let mapping):
            var entries: [Entry] = []
            var merged: [SettingNode] = []
            for (key, value) in mapping {
                let keyPlace = origin(key.mark?.line ?? 1)
                guard let name = key.scalar?.string else {
                    throw ConfigurationError([.init(at: keyPlace, "a key must be a word, not a list or a mapping")])
                }
                let value = try convert(value, depth: depth + 1, count: &count, origin: origin)
                if name == "<<" {
                    merged += value.items ?? [value]
                } else {
                    entries.append(Entry(key: name, keyOrigin: keyPlace, value: value))
                }
            }
            for source in merged {
                guard let inherited = source.entries else {
                    throw ConfigurationError([.init(at: place, "<< merges mappings, and this is \(source.found)")])
                }
                for entry in inherited where !entries.contains(where: { $0.key == entry.key }) {
                    entries.append(entry)
                }
            }
            return SettingNode(.mapping(entries), place)
        case .alias:
            throw ConfigurationError([.init(at: place, "this alias stands for nothing")])
        }
    }

    /// The first line on which brackets or the dashes of lists within lists nest deeper than `limit`, if any. Yams
    /// recurses over them, and a hostile file must not exhaust the stack. Brackets in texts and comments count too, which
    /// no configuration comes near to noticing.
    private static func lineNestedTooDeep(in yaml: String, limit: Int) -> Int? {
        var brackets = 0
        var dashes = 0
        var isLeading = true
        var line = 1
        for byte in yaml.utf8 {
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                dashes = 0
                isLeading = true
            case UInt8(ascii: "["), UInt8(ascii: "{"): brackets += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): brackets = max(0, brackets - 1)
            case UInt8(ascii: "-") where isLeading, UInt8(ascii: "?") where isLeading: dashes += 1
            case UInt8(ascii: " "): break
            default: isLeading = false
            }
            if brackets > limit || dashes > limit { return line }
        }
        return nil
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
