/// The parts of a `tokenizer.json` that a WordPiece tokenizer is made of; any other kind is refused by name.
struct TokenizerJSON {
    let vocabulary: Vocabulary
    private let document: JSONDocument
    private let file: String

    init(_ document: JSONDocument, file: String) throws {
        self.document = document
        self.file = file
        guard let model = document["model"] else {
            throw TokenizerError(
                "no \"model\": this is no tokenizer.json of the tokenizers library", file: file, line: 1)
        }
        // Files of old versions do not name their model's type; only BPE has merges.
        let type = model["type"]?.string ?? (model["merges"] == nil ? "WordPiece" : "BPE")
        guard type == "WordPiece" else { throw Self.refusal("model", type, "WordPiece", model, file) }
        for (key, allowed) in [
            ("normalizer", ["BertNormalizer"]), ("pre_tokenizer", ["BertPreTokenizer"]),
            ("post_processor", ["TemplateProcessing", "BertProcessing"]),
        ] {
            guard let part = document[key] else {
                if key == "post_processor" { continue }
                throw Self.refusal(key, "none", allowed[0], document, file)
            }
            let type = part["type"]?.string ?? "unnamed"
            guard allowed.contains(type) else { throw Self.refusal(key, type, allowed[0], part, file) }
        }
        if let template = document["post_processor"], template["type"]?.string == "TemplateProcessing" {
            try Self.requireTemplate(template, file)
        }
        vocabulary = try Self.vocabulary(model, file)
    }

    /// Refuses a template that puts special tokens elsewhere than BERT does. That of pairs is not looked at: where none was given
    /// the tokenizers library writes one without special tokens.
    private static func requireTemplate(_ part: JSONDocument, _ file: String) throws {
        guard let template = part["single"] else { return }
        let kinds = ["SpecialToken", "Sequence", "SpecialToken"]
        let found = template.elements?.map { piece in kinds.first { piece[$0] != nil } }
        if found == kinds { return }
        throw TokenizerError(
            "post_processor.single is no template of BERT's, which is [CLS] A [SEP]", file: file, line: template.line)
    }

    private static func refusal(
        _ key: String, _ type: String, _ right: String, _ part: JSONDocument, _ file: String
    ) -> TokenizerError {
        TokenizerError("\(key) is \(type); only \(right) is supported here", file: file, line: part.line)
    }

    private static func vocabulary(_ model: JSONDocument, _ file: String) throws -> Vocabulary {
        guard let members = model["vocab"]?.members else {
            throw TokenizerConfig.wrong(model, "model.vocab", "an object of tokens and ids", file)
        }
        var memberOfID: [Int: Int] = [:]
        var highest = -1
        for (index, (token, value)) in members.enumerated() {
            guard let id = value.integer, (0...Vocabulary.highestID).contains(id) else {
                throw TokenizerConfig.wrong(
                    value, "the id of \"\(String(decoding: token, as: UTF8.self))\"",
                    "a whole number from 0 to \(Vocabulary.highestID)", file)
            }
            if let other = memberOfID.updateValue(index, forKey: id) {
                let first = String(decoding: members[other].key, as: UTF8.self)
                let second = String(decoding: token, as: UTF8.self)
                throw TokenizerError(
                    "tokens \"\(first)\" and \"\(second)\" share id \(id)", file: file, line: value.line)
            }
            highest = max(highest, id)
        }
        var bytes: [UInt8] = []
        var offsets = [0]
        for id in 0..<(highest + 1) {
            if let index = memberOfID[id] { bytes += members[index].key }
            offsets.append(bytes.count)
        }
        return try Vocabulary(
            bytes: bytes, offsets: offsets, file: file,
            line: { memberOfID[$0].map { members[$0].value.line } }, place: { "id \($0)" })
    }

    /// The file's own settings, where `config` does not say otherwise.
    func apply(to options: inout TokenizerOptions, config: inout TokenizerConfig) throws {
        if let normalizer = document["normalizer"] {
            options.cleansText = try TokenizerConfig.bool(normalizer, "clean_text", file) ?? true
            options.isolatesIdeographs = try TokenizerConfig.bool(normalizer, "handle_chinese_chars", file) ?? true
            options.lowercases = try TokenizerConfig.bool(normalizer, "lowercase", file) ?? true
            options.accentStripping = try TokenizerConfig.bool(normalizer, "strip_accents", file)
        }
        if let model = document["model"] {
            if let prefix = model["continuing_subword_prefix"] {
                guard let text = prefix.string else {
                    throw TokenizerConfig.wrong(prefix, "model.continuing_subword_prefix", "a string", file)
                }
                options.continuationPrefix = text
            }
            if let longest = model["max_input_chars_per_word"] {
                guard let number = longest.integer else {
                    throw TokenizerConfig.wrong(longest, "model.max_input_chars_per_word", "a whole number", file)
                }
                options.longestWord = number
            }
            if let unknown = model["unk_token"]?.string { options.unknownToken = unknown }
        }
        if let list = document["added_tokens"] { try config.read(addedTokens: list, ofTokenizer: file) }
    }
}
