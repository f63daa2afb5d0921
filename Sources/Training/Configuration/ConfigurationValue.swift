/// A type that a configuration key can have.
protocol ConfigurationValue: Equatable, Sendable {
    /// What would be right, as the end of the sentence "KEY must be …".
    static var expected: String { get }
    /// The value that a node stands for; nil where it stands for none.
    static func read(_ node: SettingNode, _ paths: PathResolver) -> Self?
    /// The node that reads back as this value; nil for a value that is written by leaving its key out.
    var node: SettingNode? { get }
}

extension Int: ConfigurationValue {
    static var expected: String { "an integer" }
    static func read(_ node: SettingNode, _ paths: PathResolver) -> Int? { node.plainText.flatMap(decimal) }
    var node: SettingNode? { .plain(String(self)) }
}

extension UInt64: ConfigurationValue {
    static var expected: String { "an integer from 0 to \(UInt64.max)" }
    static func read(_ node: SettingNode, _ paths: PathResolver) -> UInt64? { node.plainText.flatMap(decimal) }
    var node: SettingNode? { .plain(String(self)) }
}

/// An integer in plain decimal digits, with `_` between them allowed. A leading zero is refused, because YAML 1.1
/// reads 010 as eight and YAML 1.2 as ten.
private func decimal<Integer: FixedWidthInteger>(_ text: String) -> Integer? {
    let digits = text.drop { $0 == "-" || $0 == "+" }
    guard let first = digits.first, first.isNumber, !(first == "0" && digits.count > 1) else { return nil }
    return Integer(text.filter { $0 != "_" })
}

extension Double: ConfigurationValue {
    static var expected: String { "a number" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> Double? {
        guard let text = node.plainText, text.allSatisfy({ $0.isNumber || "+-.eE_".contains($0) }) else { return nil }
        guard let value = Double(text.filter { $0 != "_" }), value.isFinite else { return nil }
        return value
    }

    /// The shortest text that reads back to the same number, with a point in front of an exponent: YAML 1.1 readers take
    /// `2e-5` for text and `2.0e-5` for a number.
    package var configurationText: String {
        let parts = "\(self)".split(separator: "e")
        guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(self)" }
        let mantissa = parts[0].contains(".") ? String(parts[0]) : "\(parts[0]).0"
        return "\(mantissa)e\(exponent < 0 ? "-" : "+")\(exponent.magnitude)"
    }

    var node: SettingNode? { .plain(configurationText) }
}

extension Bool: ConfigurationValue {
    static var expected: String { "true or false" }
    static func read(_ node: SettingNode, _ paths: PathResolver) -> Bool? { node.plainText.flatMap(Bool.init) }
    var node: SettingNode? { .plain(String(self)) }
}

extension String: ConfigurationValue {
    static var expected: String { "text" }
    static func read(_ node: SettingNode, _ paths: PathResolver) -> String? { node.scalarText }
    var node: SettingNode? { .text(self) }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
    static var expected: String { "a list, each item \(Element.expected)" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> [Element]? {
        guard let items = node.items else { return nil }
        let values = items.compactMap { Element.read($0, paths) }
        return values.count == items.count ? values : nil
    }

    var node: SettingNode? { SettingNode(.list(compactMap(\.node))) }
}

extension Optional: ConfigurationValue where Wrapped: ConfigurationValue {
    static var expected: String { Wrapped.expected }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> Wrapped?? {
        if node.isNull { return .some(nil) }
        return Wrapped.read(node, paths).map { .some($0) }
    }

    var node: SettingNode? { flatMap(\.node) }
}

/// A value out of a fixed list of words.
protocol ConfigurationChoice: ConfigurationValue, CaseIterable, RawRepresentable<String> {}

extension ConfigurationChoice {
    static var expected: String { orList(allCases.map(\.rawValue)) }
    static func read(_ node: SettingNode, _ paths: PathResolver) -> Self? { node.scalarText.flatMap(Self.init) }
    var node: SettingNode? { .plain(rawValue) }
}

/// "a", "a or b", "a, b or c".
func orList(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
}
