/// A configuration as a tree of texts that know where they were written. It stands between YAML and the typed
/// configuration, so that a file and `--set` arguments can be laid over each other and every error still names its place.
struct SettingNode: Sendable, Equatable {
    /// Where a value was written.
    enum Origin: Sendable, Equatable {
        case file(name: String, line: Int)
        /// The `--set` argument as the user typed it.
        case option(String)
        /// Made by the program: a default.
        case builtIn
    }

    enum Content: Sendable, Equatable {
        /// `isQuoted`: certainly text, whatever it looks like.
        case scalar(String, isQuoted: Bool)
        case list([SettingNode])
        case mapping([Entry])
    }

    struct Entry: Sendable, Equatable {
        var key: String
        var keyOrigin: Origin
        var value: SettingNode
    }

    var content: Content
    var origin: Origin

    init(_ content: Content, _ origin: Origin = .builtIn) {
        self.content = content
        self.origin = origin
    }

    /// A number or a word, written without quotes.
    static func plain(_ text: String) -> SettingNode { SettingNode(.scalar(text, isQuoted: false)) }

    static func text(_ text: String) -> SettingNode { SettingNode(.scalar(text, isQuoted: true)) }

    /// Nothing, `~` or `null`: the key is there, its value is not.
    var isNull: Bool {
        guard case .scalar(let text, isQuoted: false) = content else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }

    /// The text of an unquoted scalar: what may be a number.
    var plainText: String? {
        guard case .scalar(let text, isQuoted: false) = content, !isNull else { return nil }
        return text
    }

    /// The text of any scalar. Numbers and YAML's booleans are taken as they are written: a label `1` or `no` is text.
    var scalarText: String? {
        guard case .scalar(let text, _) = content, !isNull else { return nil }
        return text
    }

    var items: [SettingNode]? {
        guard case .list(let items) = content else { return nil }
        return items
    }

    var entries: [Entry]? {
        guard case .mapping(let entries) = content else { return nil }
        return entries
    }

    subscript(key: String) -> SettingNode? {
        entries?.last { $0.key == key }?.value
    }

    /// What an error message says was found.
    var found: String {
        switch content {
        case _ where isNull: "empty"
        case .scalar(let text, isQuoted: false): text
        case .scalar(let text, isQuoted: true): "the text \"\(text)\""
        case .list, .mapping: shortened(yamlFlow)
        }
    }
}

/// The first characters of a long text.
private func shortened(_ text: String) -> String { text.count > 80 ? text.prefix(79) + "…" : text }

extension ConfigurationError.Problem {
    init(at origin: SettingNode.Origin, _ message: String) {
        switch origin {
        case .file(let name, let line): self.init(source: name, line: line, message: message)
        case .option(let argument): self.init(source: "--set \(argument)", message: message)
        case .builtIn: self.init(source: "default", message: message)
        }
    }
}
