/// Reads a tree into sections and collects what is wrong on the way, so that one run of the program shows all of it.
struct ConfigurationReader {
    let paths: PathResolver
    /// The keys of the whole configuration, among which a misplaced one is looked for.
    let root: [KeyInformation]
    private(set) var problems: [ConfigurationError.Problem] = []

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
        for entry in entries {
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

    /// Names the nearest valid key: one of this section, or one elsewhere that matches better, such as
    /// `optimizer.learning_rate` for a `learning_rate` or `batch.size` for a `batch_size` at the top.
    private func suggestion(for name: String, in path: String, _ siblings: [String]) -> String {
        let sibling = nearestName(to: name, among: siblings) ?? ""
        let siblingDistance = editDistance(name, sibling)
        let prefix = path.isEmpty ? "" : "\(path)."
        let elsewhere = Self.fullNames(of: root, under: "").flatMap { fullName in
            let leaf = String(fullName.split(separator: ".").last ?? "")
            return [(fullName, leaf), (fullName, fullName.replacing(".", with: "_"))]
        }
        if let best = elsewhere.min(by: { editDistance(name, $0.1) < editDistance(name, $1.1) }),
            editDistance(name, best.1) < min(siblingDistance, 2)
        {
            return "the nearest valid key is \(best.0)"
        }
        let nearest = "the nearest valid key is \(prefix)\(sibling)"
        return siblingDistance * 2 <= name.count ? nearest : "\(nearest), out of \(orList(siblings))"
    }

    private static func fullNames(of keys: [KeyInformation], under prefix: String) -> [String] {
        keys.flatMap { key in
            let name = prefix + key.name
            return [name] + fullNames(of: key.children, under: key.isList ? "\(name)[]." : "\(name).")
        }
    }
}
