import Metrics

extension RunConfiguration {
    /// What `compare` trains; no other command looks at it.
    public struct Compare: Sendable, Equatable, ConfigurationSection {
        public var seeds: [UInt64] = [1, 2, 3]
        public var fractions = [Fraction.all]
        public var variants: [Variant] = []
        /// Of the intervals.
        public var confidence = 0.95

        public init() {}

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "seeds", \.seeds, ConfigurationCheck(text: ", no two the same") { isSet($0) }, resume: .free,
                help: "every way to train is tried with each, instead of seed"),
            .value(
                "fractions", \.fractions, ConfigurationCheck(text: ", no two the same") { isSet($0) }, resume: .free,
                help:
                    "training sizes: examples of each task instead of its limit, all as configured, or such a share as 10%"
            ),
            .list("variants", \.variants, help: "ways to train beside single and joint"),
            .value(
                "confidence", \.confidence, .within(0.5...0.999), resume: .free,
                help: "probability that the intervals are made for"),
        ]

        private static func isSet<Element: Hashable>(_ values: [Element]) -> Bool {
            !values.isEmpty && Set(values).count == values.count
        }
    }

    /// A training size.
    public enum Fraction: Sendable, Hashable {
        case all
        /// So many examples of each task.
        case count(Int)
        /// So many of a hundred examples of each task, above 0 and below 100.
        case percent(Double)

        static let expected = "all, an integer of at least 1, or a share such as 10%"

        init?(_ text: String) {
            if text == "all" {
                self = .all
            } else if text.hasSuffix("%"), let percent = Double(text.dropLast()), percent > 0, percent < 100 {
                self = .percent(percent)
            } else if let count = Int(text), count >= 1 {
                self = .count(count)
            } else {
                return nil
            }
        }
    }

    /// A way to train: the configuration with some keys overridden.
    public struct Variant: Sendable, Equatable, ConfigurationSection {
        /// Becomes the name of a folder.
        public var name = ""
        /// As given to `--set`.
        public var set: [String] = []
        /// Whether each task is trained alone.
        public var single = false

        public init() {}

        public init(name: String, set: [String], single: Bool) {
            (self.name, self.set, self.single) = (name, set, single)
        }

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "name", \.name, validName, example: "even", resume: .free,
                help: "of the variant's folder and column"),
            .value("set", \.set, resume: .free, help: "overrides as for --set"),
            .value("single", \.single, resume: .free, help: "whether each task is trained alone"),
        ]

        static let validName = ConfigurationCheck<String>(
            text:
                " of at most 64 letters, digits, _, - and points, neither single nor joint (those are the configuration "
                + "as it is)"
        ) { name in
            let isWord = name.unicodeScalars.allSatisfy { scalar in
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                    || "_-.".unicodeScalars.contains(scalar)
            }
            return isWord && (1...64).contains(name.count) && !name.hasPrefix(".") && name != "single"
                && name != "joint"
        }
    }
}

extension RunConfiguration.Fraction: ConfigurationValue {
    static func read(_ node: SettingNode, _ paths: PathResolver) -> Self? { node.scalarText.flatMap(Self.init) }

    var node: SettingNode? {
        switch self {
        case .all: .plain("all")
        case .count(let count): count.node
        case .percent(let percent): .plain(Comparison.Fraction(percent: percent).name)
        }
    }
}
