import CYaml

/// Holds a YAML text against the limits of a configuration before Yams makes a tree of it: Yams calls itself for what lies
/// inside, and compares keys whole, so that nesting or aliases of aliases could take its stack, or years.
///
/// libyaml reports what it finds piece by piece, without recursion; aliases count as what they stand for.
struct YAMLLimits {
    struct Excess: Error {
        let line: Int
        let message: String
    }

    /// A larger tree is no configuration.
    static let nodes = 100_000
    static let depth = 32

    private struct Open {
        let isMapping: Bool
        let anchor: String?
        /// The nodes up to its start.
        let before: Int
        var children = 0

        var expectsKey: Bool { isMapping && children % 2 == 0 }
    }

    private var stack: [Open] = []
    private var count = 0
    private var sizes: [String: Int] = [:]

    /// Ends at the first thing that is no YAML: the reader of the tree will find it too, and has words for it.
    ///
    /// - Throws: `Excess`.
    static func check(_ yaml: String) throws {
        var limits = YAMLLimits()
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { return }
        defer { yaml_parser_delete(&parser) }
        let bytes = Array(yaml.utf8)
        try bytes.withUnsafeBufferPointer { bytes in
            yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(&parser, &event) == 1 else { return }
                defer { yaml_event_delete(&event) }
                if event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT { return }
                try limits.take(event)
            }
        }
    }

    private mutating func take(_ event: yaml_event_t) throws {
        let line = Int(event.start_mark.line) + 1
        switch event.type {
        case YAML_SCALAR_EVENT: try add(1, anchor: name(event.data.scalar.anchor), line)
        case YAML_ALIAS_EVENT:
            let size = name(event.data.alias.anchor).flatMap { sizes[$0] } ?? 1
            if size > 1 { try requireNoKey(line) }
            try add(size, anchor: nil, line)
        case YAML_SEQUENCE_START_EVENT: try open(false, name(event.data.sequence_start.anchor), line)
        case YAML_MAPPING_START_EVENT: try open(true, name(event.data.mapping_start.anchor), line)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            guard let closed = stack.popLast() else { return }
            if let anchor = closed.anchor { sizes[anchor] = count - closed.before }
        default: return
        }
    }

    private mutating func open(_ isMapping: Bool, _ anchor: String?, _ line: Int) throws {
        try requireNoKey(line)
        let before = count
        try add(1, anchor: nil, line)
        stack.append(Open(isMapping: isMapping, anchor: anchor, before: before))
        if stack.count > Self.depth {
            throw Excess(line: line, message: "values are nested more than \(Self.depth) deep")
        }
    }

    private mutating func add(_ size: Int, anchor: String?, _ line: Int) throws {
        count += size
        if let anchor { sizes[anchor] = size }
        if !stack.isEmpty { stack[stack.count - 1].children += 1 }
        if count > Self.nodes { throw Excess(line: line, message: "the document is too large for a configuration") }
    }

    private func requireNoKey(_ line: Int) throws {
        if stack.last?.expectsKey ?? false {
            throw Excess(line: line, message: "a key must be a word, not a list or a mapping")
        }
    }

    private func name(_ text: UnsafePointer<UInt8>?) -> String? { text.map { String(cString: $0) } }
}
