/// What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` say, in the order of precedence of
/// `from_pretrained`: tokens of the map replace those of the configuration, unless that has an `added_tokens_decoder`.
struct TokenizerConfig {
    /// An added token as a file declares it; its id is settled by `resolve`.
    struct Declaration {
        var token: AddedToken
        var declaredID: Int?
        let file: String
        let line: Int
    }

    /// Settings that a file gives; `nil` where none does.
    var lowercases: Bool?
    var accentStripping: Bool?
    var isolatesIdeographs: Bool?
    /// Contents of the named special tokens by key, as `cls_token`.
    var named: [String: Declaration] = [:]
    /// Further added tokens, in the order in which they are given ids.
    var added: [Declaration] = []
    /// Whether `tokenizer.json` and the legacy files may declare added tokens.
    private(set) var listsAddedTokens = false

    static let namedKeys = ["unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]

    mutating func read(configuration document: JSONDocument, file: String) throws {
        guard document.members != nil else { throw Self.wrong(document, "the file", "an object", file) }
        lowercases = try Self.bool(document, "do_lower_case", file)
        accentStripping = try Self.bool(document, "strip_accents", file)
        isolatesIdeographs = try Self.bool(document, "tokenize_chinese_chars", file)
        if let side = document["truncation_side"], side.string != "right" {
            throw Self.wrong(side, "truncation_side", "\"right\"", file)
        }
        try readNamed(document, file: file)
        if let decoder = document["added_tokens_decoder"] {
            guard let members = decoder.members else {
                throw Self.wrong(decoder, "added_tokens_decoder", "an object", file)
            }
            listsAddedTokens = true
            for (key, value) in members {
                guard let id = Int(String(decoding: key, as: UTF8.self)) else {
                    throw Self.wrong(value, "a key of added_tokens_decoder", "an id", file)
                }
                var declaration = try Self.declaration(value, "added_tokens_decoder", file)
                declaration.declaredID = id
                added.append(declaration)
            }
            added.sort { ($0.declaredID ?? 0) < ($1.declaredID ?? 0) }
        }
    }

    /// `special_tokens_map.json`.
    mutating func read(specialTokensMap document: JSONDocument, file: String) throws {
        guard document.members != nil else { throw Self.wrong(document, "the file", "an object", file) }
        if !listsAddedTokens { try readNamed(document, file: file) }
    }

    /// `added_tokens.json`: contents and ids.
    mutating func read(addedTokens document: JSONDocument, file: String) throws {
        guard let members = document.members else { throw Self.wrong(document, "the file", "an object", file) }
        if listsAddedTokens { return }
        for (content, value) in members {
            guard let id = value.integer else { throw Self.wrong(value, "an added token's id", "a whole number", file) }
            let isSpecial = named.values.contains { $0.token.content == content }
            let token = AddedToken(content: content, id: -1, isNormalized: !isSpecial, isSpecial: isSpecial)
            added.append(Declaration(token: token, declaredID: id, file: file, line: value.line))
        }
    }

    /// `added_tokens` of `tokenizer.json`.
    mutating func read(addedTokens list: JSONDocument, ofTokenizer file: String) throws {
        guard let elements = list.elements else { throw Self.wrong(list, "added_tokens", "an array", file) }
        if listsAddedTokens { return }
        for element in elements {
            var declaration = try Self.declaration(element, "added_tokens", file)
            guard let id = element["id"]?.integer else { throw Self.wrong(element, "added_tokens[].id", "an id", file) }
            declaration.declaredID = id
            added.append(declaration)
        }
    }

    private mutating func readNamed(_ document: JSONDocument, file: String) throws {
        for (key, value) in document.members ?? [] {
            let key = String(decoding: key, as: UTF8.self)
            if case .null = value.value { continue }
            if Self.namedKeys.contains(key) {
                named[key] = try Self.declaration(value, key, file)
            } else if key == "additional_special_tokens" || key == "extra_special_tokens", let list = value.elements {
                added += try list.map { try Self.declaration($0, key, file) }
            } else if key.hasSuffix("_token"), value.string != nil || value["content"] != nil {
                added.append(try Self.declaration(value, key, file))
            }
        }
    }

    /// A token given as a string, or as an object with `content` and flags.
    private static func declaration(_ value: JSONDocument, _ key: String, _ file: String) throws -> Declaration {
        if case .string(let content) = value.value {
            return Declaration(
                token: AddedToken(content: content, id: -1), declaredID: nil, file: file, line: value.line)
        }
        guard let member = value["content"], case .string(let content) = member.value else {
            throw wrong(value, key, "a string or an object with \"content\"", file)
        }
        let isNamed = key.hasSuffix("_token")
        let isSpecial = try bool(value, "special", file) ?? isNamed
        let token = AddedToken(
            content: content, id: -1,
            standsAlone: try bool(value, "single_word", file) ?? false,
            stripsLeft: try bool(value, "lstrip", file) ?? false,
            stripsRight: try bool(value, "rstrip", file) ?? false,
            isNormalized: try bool(value, "normalized", file) ?? !isSpecial,
            isSpecial: isSpecial)
        return Declaration(token: token, declaredID: nil, file: file, line: value.line)
    }

    static func bool(_ document: JSONDocument, _ key: String, _ file: String) throws -> Bool? {
        guard let value = document[key] else { return nil }
        guard let bool = value.bool else { throw wrong(value, key, "true or false", file) }
        return bool
    }

    static func wrong(_ value: JSONDocument, _ key: String, _ right: String, _ file: String) -> TokenizerError {
        TokenizerError("\(key) should be \(right)", file: file, line: value.line)
    }

    /// Gives every added token its id, as `from_pretrained` does: the vocabulary's, or the next one behind all others;
    /// first those listed with an id, then those only named.
    ///
    /// Where the vocabulary has no mask token, its id is left free, as one beyond the model's embedding is of no use.
    func resolve(with vocabulary: Vocabulary) throws -> [AddedToken] {
        let mask = named["mask_token"]?.token.content ?? Array(TokenizerOptions().maskToken.utf8)
        var resolved: [[UInt8]: AddedToken] = [:]
        var order: [[UInt8]] = []
        var next = vocabulary.count
        func add(_ declaration: Declaration) throws {
            var token = declaration.token
            if token.content.isEmpty || resolved[token.content] != nil { return }
            let text = String(decoding: token.content, as: UTF8.self)
            if let id = vocabulary.id(of: text) {
                token.id = id
            } else {
                token.id = Int32(next)
                next += 1
            }
            if let declared = declaration.declaredID, declared != Int(token.id) {
                throw TokenizerError(
                    "added token \"\(text)\" has id \(declared), but its place in the vocabulary is \(token.id)",
                    file: declaration.file, line: declaration.line)
            }
            resolved[token.content] = token
            order.append(token.content)
        }
        for declaration in added where declaration.declaredID != nil { try add(declaration) }
        for key in Self.namedKeys {
            guard let declaration = named[key] else { continue }
            if vocabulary.id(of: String(decoding: declaration.token.content, as: UTF8.self)) != nil {
                try add(declaration)
            }
        }
        if resolved[mask] == nil, vocabulary.id(of: String(decoding: mask, as: UTF8.self)) == nil { next += 1 }
        for declaration in added where declaration.declaredID == nil { try add(declaration) }
        return order.compactMap { resolved[$0] }
    }
}
