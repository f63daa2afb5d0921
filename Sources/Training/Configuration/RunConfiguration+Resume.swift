extension RunConfiguration {
    /// A key whose values differ between two configurations.
    public struct Difference: Sendable, Equatable, CustomStringConvertible {
        /// The full key, such as `optimizer.learning_rate` or `tasks.books.limit`.
        public var key: String
        public var here: String
        public var there: String

        /// "optimizer.learning_rate is 2.0e-5 here and 5.0e-5 there".
        public var description: String { "\(key) is \(here) here and \(there) there" }
    }

    /// What must not change when a run is resumed, in a canonical form to be hashed: one `key=value` a line, in the order
    /// of the keys.
    ///
    /// Left out is what may change: the length of the run, evaluation, checkpoints, output. Of the paths of the model and
    /// of the training files only the last two components count, so that a whole tree may move to another place.
    public var resumeIdentity: String {
        identityLines().map { "\($0.key)=\($0.value)\n" }.joined()
    }

    /// As `resumeIdentity`, for what must not change so that scores stay comparable: with the length of the run, the files
    /// that are evaluated, and when.
    var resultIdentity: String {
        identityLines(decidingResults: true).map { "\($0.key)=\($0.value)\n" }.joined()
    }

    /// The first key that keeps a run of the other configuration from being resumed with this one; nil where none does,
    /// which is when their `resumeIdentity` is the same.
    ///
    /// - Parameter decidingResults: whether `resultIdentity` is what shall be the same.
    public func firstDifference(from other: RunConfiguration, decidingResults: Bool = false) -> Difference? {
        let names = tasks.map(\.name)
        let otherNames = other.tasks.map(\.name)
        guard names == otherNames else {
            let list = { (names: [String]) in "[" + names.joined(separator: ", ") + "]" }
            return Difference(key: "tasks", here: list(names), there: list(otherNames))
        }
        let (own, others) = (
            identityLines(decidingResults: decidingResults), other.identityLines(decidingResults: decidingResults)
        )
        return zip(own, others).first { $0.value != $1.value }.map { here, there in
            Difference(key: here.key, here: here.value, there: there.value)
        }
    }

    /// Every fixed key, in the order of the declarations, whether it has a value or not: configurations with the same
    /// tasks have the same lines.
    private func identityLines(decidingResults: Bool = false) -> [(key: String, value: String)] {
        Self.identityLines(of: written(self), Self.keys.map(\.information), under: "", decidingResults)
    }

    /// Whether a key that is free when a run is resumed decides what the run is scored by.
    private static func decidesResults(_ name: String) -> Bool {
        ["epochs", "steps"].contains(name)
            || ["evaluation.", "finishing.", "tasks."].contains { name.hasPrefix($0) }
    }

    private static func identityLines(
        of node: SettingNode, _ keys: [KeyInformation], under prefix: String, _ decidingResults: Bool
    ) -> [(key: String, value: String)] {
        keys.flatMap { key -> [(key: String, value: String)] in
            let name = prefix + key.name
            let value = node[key.name]
            if key.isList {
                return (value?.items ?? []).flatMap { item in
                    identityLines(
                        of: item, key.children, under: "\(name).\(item["name"]?.scalarText ?? "").", decidingResults)
                }
            }
            if let value, !key.children.isEmpty {
                return identityLines(of: value, key.children, under: "\(name).", decidingResults)
            }
            let unset = "not set (\(key.unset ?? ""))"
            switch key.resume {
            case .free where !(decidingResults && decidesResults(name)): return []
            case .free where !name.hasPrefix("tasks."), .fixed: return [(name, value?.yamlFlow ?? unset)]
            case .free, .location:
                let tail = value?.scalarText?.split(separator: "/").suffix(2).joined(separator: "/")
                return [(name, tail ?? unset)]
            }
        }
    }
}
