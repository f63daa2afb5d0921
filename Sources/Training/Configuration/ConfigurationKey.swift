/// A part of the configuration that is a mapping with fixed keys. `init()` holds the defaults; `keys` declares, once for
/// reading, writing, comparing and explaining, what each key is called, may be, and does.
protocol ConfigurationSection: Sendable, Equatable {
    init()
    static var keys: [ConfigurationKey<Self>] { get }
}

/// What a key means for a run that is resumed.
enum ResumeRule: Sendable {
    /// Must be the same: another value would make another run.
    case fixed
    /// May change: it decides how long a run goes on, or what is looked at and kept.
    case free
    /// Names a file or folder, of which the last two path components must be the same: a whole tree may move.
    case location
}

/// A condition on a value beyond its type.
struct ConfigurationCheck<Value>: Sendable {
    /// Follows the type in "KEY must be an integer…".
    var text: String
    var holds: @Sendable (Value) -> Bool
}

extension ConfigurationCheck where Value: Comparable & Sendable & CustomStringConvertible {
    static func atLeast(_ bound: Value) -> Self { Self(text: " of at least \(bound)") { $0 >= bound } }
    static func above(_ bound: Value) -> Self { Self(text: " above \(bound)") { $0 > bound } }
    static func within(_ range: ClosedRange<Value>) -> Self {
        Self(text: " from \(range.lowerBound) to \(range.upperBound)") { range.contains($0) }
    }
    static func within(_ range: Range<Value>) -> Self {
        Self(text: " of at least \(range.lowerBound) and below \(range.upperBound)") { range.contains($0) }
    }
}

/// What is known of a key without its types: for suggestions, comparison and the reference.
struct KeyInformation: Sendable {
    var name: String
    var help: String
    var expected = ""
    /// What an absent key means, where that is not a value: "as found in train".
    var unset: String?
    /// Not nil for a key that must be given: what the reference shows as its value.
    var example: String?
    var resume = ResumeRule.fixed
    var children: [KeyInformation] = []
    var isList = false
    /// The default, as it would be written.
    var defaultNode: SettingNode?
}

/// One key of a section.
struct ConfigurationKey<Section>: Sendable {
    var information: KeyInformation
    var read: @Sendable (SettingNode, _ path: String, inout ConfigurationReader, inout Section) -> Void
    var write: @Sendable (Section) -> SettingNode?
}

extension ConfigurationKey where Section: ConfigurationSection {
    typealias Path<Value> = any WritableKeyPath<Section, Value> & Sendable

    /// A key with a value; without a default when `example` is given.
    static func value<Value: ConfigurationValue>(
        _ name: String, _ path: Path<Value>, _ check: ConfigurationCheck<Value>? = nil, example: String? = nil,
        resume: ResumeRule = .fixed, help: String
    ) -> Self {
        let expected = Value.expected + (check?.text ?? "")
        let information = KeyInformation(
            name: name, help: help, expected: expected, example: example, resume: resume,
            defaultNode: example == nil ? Section()[keyPath: path].node : nil)
        return Self(information: information) { node, key, reader, section in
            guard let value = Value.read(node, reader.paths), check?.holds(value) ?? true else {
                reader.report(node.origin, "\(key) is \(node.found), but must be \(expected)")
                return
            }
            section[keyPath: path] = value
        } write: {
            $0[keyPath: path].node
        }
    }

    /// A key that may be absent; `unset` tells what happens then.
    static func optional<Value: ConfigurationValue>(
        _ name: String, _ path: Path<Value?>, _ check: ConfigurationCheck<Value>? = nil, unset: String,
        resume: ResumeRule = .fixed, help: String
    ) -> Self {
        let lifted = check.map { check in
            ConfigurationCheck<Value?>(text: check.text) { $0.map(check.holds) ?? true }
        }
        var key = value(name, path, lifted, resume: resume, help: help)
        key.information.unset = unset
        key.information.defaultNode = nil
        return key
    }

    /// A key that holds keys.
    static func section<Inner: ConfigurationSection>(
        _ name: String, _ path: Path<Inner>, resume: ResumeRule? = nil, help: String
    ) -> Self {
        var children = Inner.keys.map(\.information)
        if let resume {
            for index in children.indices { children[index].resume = resume }
        }
        return Self(information: KeyInformation(name: name, help: help, children: children)) {
            node, key, reader, section in
            reader.readSection(node, key, into: &section[keyPath: path])
        } write: {
            written($0[keyPath: path])
        }
    }

    /// A key that holds a list of mappings. An item is called by its `name` in messages, by its index where it has none.
    static func list<Inner: ConfigurationSection>(_ name: String, _ path: Path<[Inner]>, help: String) -> Self {
        let information = KeyInformation(
            name: name, help: help, children: Inner.keys.map(\.information), isList: true)
        return Self(information: information) { node, key, reader, section in
            guard let items = node.items else {
                reader.report(node.origin, "\(key) is \(node.found), but must be a list")
                return
            }
            section[keyPath: path] = items.enumerated().map { index, item in
                var value = Inner()
                let label = item["name"]?.scalarText ?? String(index)
                reader.readSection(item, "\(key).\(label)", into: &value)
                return value
            }
        } write: { section in
            SettingNode(.list(section[keyPath: path].map { written($0) }))
        }
    }
}

/// A section as the mapping that reads back to it. Keys without a value are left out.
func written<Section: ConfigurationSection>(_ section: Section) -> SettingNode {
    SettingNode(
        .mapping(
            Section.keys.compactMap { key in
                key.write(section).map { .init(key: key.information.name, keyOrigin: .builtIn, value: $0) }
            }))
}
