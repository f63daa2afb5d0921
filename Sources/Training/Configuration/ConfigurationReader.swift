import TaskData

/// Reads a tree into sections and collects what is wrong on the way, so that one run of the program shows all of it.
struct ConfigurationReader {
    let paths: PathResolver
    /// The keys of the whole configuration, among which a misplaced one is looked for.
    private let root: [KeyInformation]
    private(set) var problems: [ConfigurationError.Problem] = []
    /// Nobody reads on after so many: the file is something else than a configuration.
    private static let mostProblems = 100

    init(paths: PathResolver, root: [KeyInformation]) {
        self.paths = paths
        self.root = root
    }

    mutating func report(_ origin: SettingNode.Origin, _ message: String) {
        problems.append(.init(at: origin, message))
    }

    /// Reads a mapping over the values that `section` holds already. An empty value leaves them all.
    mutating func readSection<Section: ConfigurationSection>(
        _ node: SettingNode, _ path: String, into section: inout Section
    ) {
        guard !node.isNull else { return reportMissing(in: Section.keys, node, path) }
        let names = Section.keys.map(\.information.name)
        guard let entries = node.entries else {
            let place = path.isEmpty ? "the configuration" : path
            report(node.origin, "\(place) is \(node.found), but must be a mapping with keys out of \(orList(names))")
            return
        }
        for entry in entries where problems.count < Self.mostProblems {
            let fullName = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            guard let key = Section.keys.first(where: { $0.information.name == entry.key }) else {
                report(entry.keyOrigin, "unknown key \(fullName); \(suggestion(for: entry.key, in: path, names))")
                continue
            }
            key.read(entry.value, fullName, &self, &section)
        }
        reportMissing(in: Section.keys, node, path)
    }

    private mutating func reportMissing<Section>(
        in keys: [ConfigurationKey<Section>], _ node: SettingNode, _ path: String
    ) {
        for key in keys.map(\.information) where key.example != nil && node[key.name] == nil {
            report(node.origin, "\(path) needs the key \(key.name): \(key.help)")
        }
    }

    private func suggestion(for name: String, in path: String, _ siblings: [String]) -> String {
        let here = path.isEmpty ? "" : "\(path)."
        let sibling = nearestName(to: name, among: siblings) ?? ""
        let distance = editDistance(name, sibling)
        if distance > 1, let key = KeyInformation.likelyMeant(by: name, among: root, closerThan: distance) {
            return "the nearest valid key is \(key)"
        }
        let nearest = "the nearest valid key is \(here)\(sibling)"
        return distance * 2 <= name.count ? nearest : "\(nearest), out of \(orList(siblings))"
    }
}
