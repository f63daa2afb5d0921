/// One `--set key.path=value`.
///
/// The value is YAML. The path goes into lists by index, by the name of an item, or with `*` into all items:
/// `tasks.books.limit=100`, `tasks.0.limit=100`, `tasks.*.limit=100`.
struct ConfigurationOverride {
    private let argument: String
    private let path: [String]
    private let value: SettingNode

    init(_ argument: String) throws {
        let origin = SettingNode.Origin.option(argument)
        guard let equals = argument.firstIndex(of: "=") else {
            throw ConfigurationError([.init(at: origin, "write it as key.path=value, such as batch.size=16")])
        }
        let path = argument[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard !path.contains("") else {
            throw ConfigurationError([.init(at: origin, "a part of the key in front of = is empty")])
        }
        let text = String(argument[argument.index(after: equals)...])
        self.argument = argument
        self.path = path
        value = try SettingNode.parse(yaml: text) { _ in origin } ?? SettingNode(.scalar("", isQuoted: false), origin)
    }

    /// Lays the value over a configuration. Keys are not checked here: reading the tree does that.
    func apply(to root: inout SettingNode) throws {
        if let alternative = Self.alternatives[path.joined(separator: ".")], !value.isNull {
            // The user's last word on the length of the run; without this, `--set steps=10` would clash with the file.
            if var entries = root.entries {
                entries.removeAll { $0.key == alternative }
                root.content = .mapping(entries)
            }
        }
        try apply(path[...], to: &root, at: "")
    }

    private static let alternatives = ["epochs": "steps", "steps": "epochs"]

    private func apply(_ path: ArraySlice<String>, to node: inout SettingNode, at place: String) throws {
        guard let head = path.first else {
            node = value
            return
        }
        let rest = path.dropFirst()
        let here = place.isEmpty ? head : "\(place).\(head)"
        if case .list(var items) = node.content {
            for index in try indices(of: head, in: items, at: place) {
                try apply(rest, to: &items[index], at: here)
            }
            node.content = .list(items)
            return
        }
        var entries = node.entries ?? []
        let origin = SettingNode.Origin.option(argument)
        let index = entries.lastIndex { $0.key == head } ?? entries.endIndex
        if index == entries.endIndex {
            entries.append(.init(key: head, keyOrigin: origin, value: SettingNode(.mapping([]), origin)))
        }
        entries[index].keyOrigin = origin
        try apply(rest, to: &entries[index].value, at: here)
        node = SettingNode(.mapping(entries), node.entries == nil ? origin : node.origin)
    }

    private func indices(of head: String, in items: [SettingNode], at place: String) throws -> [Int] {
        if head == "*" { return Array(items.indices) }
        let names = items.map { $0["name"]?.scalarText }
        if let index = names.firstIndex(of: head) { return [index] }
        if let index = Int(head), items.indices.contains(index) { return [index] }
        let known = names.compactMap { $0 }
        let nearest = nearestName(to: head, among: known).map { "; the nearest is \($0)" } ?? ""
        let range = items.isEmpty ? "the list is empty" : "indices go from 0 to \(items.count - 1)"
        throw ConfigurationError([
            .init(at: .option(argument), "\(place) has no item \(head)\(nearest); \(range), and * means all")
        ])
    }
}
