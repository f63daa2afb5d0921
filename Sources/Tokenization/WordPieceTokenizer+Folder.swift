import Foundation

extension WordPieceTokenizer {
    /// Loads the tokenizer of a model folder in Hugging Face layout.
    ///
    /// Tokens come from `tokenizer.json`, or else from `vocab.txt`. Settings are taken from `tokenizer_config.json`, then
    /// from `tokenizer.json`, then from `BertTokenizerFast`: lower-casing on, accents stripped as lower-casing goes,
    /// Chinese characters apart. Names of special tokens come from `tokenizer_config.json` and the older
    /// `special_tokens_map.json`, further tokens from these, `added_tokens.json` and `tokenizer.json`.
    ///
    /// One difference from transformers 5, which overlooks the normalizer of `tokenizer.json`: here it counts, wherever
    /// `tokenizer_config.json` does not say otherwise. The two agree in files that transformers wrote.
    ///
    /// Throws an error that names the file and line where a file is missing, broken, or of another kind than WordPiece.
    public init(modelFolder path: String) throws {
        let folder = URL(fileURLWithPath: path)
        var sources: [String] = []
        func find(_ name: String) -> String? {
            let file = folder.appendingPathComponent(name).path
            guard FileManager.default.fileExists(atPath: file) else { return nil }
            sources.append(file)
            return file
        }
        func document(_ file: String) throws -> JSONDocument {
            try JSONDocument(parsing: readTokenizerFile(file), file: file)
        }
        var config = TokenizerConfig()
        if let file = find("tokenizer_config.json") { try config.read(configuration: document(file), file: file) }
        if let file = find("special_tokens_map.json") { try config.read(specialTokensMap: document(file), file: file) }
        if let file = find("added_tokens.json") { try config.read(addedTokens: document(file), file: file) }

        var options = TokenizerOptions()
        let vocabulary: Vocabulary
        let vocabularyFile = find("vocab.txt")
        if let file = find("tokenizer.json") {
            let tokenizer = try TokenizerJSON(document(file), file: file)
            try tokenizer.apply(to: &options, config: &config)
            vocabulary = tokenizer.vocabulary
        } else if let vocabularyFile {
            vocabulary = try Vocabulary(contentsOfFile: vocabularyFile)
        } else {
            throw TokenizerError("holds neither tokenizer.json nor vocab.txt", file: path)
        }
        options.lowercases = config.lowercases ?? options.lowercases
        options.accentStripping = config.accentStripping ?? options.accentStripping
        options.isolatesIdeographs = config.isolatesIdeographs ?? options.isolatesIdeographs
        func name(_ key: String, _ current: String) -> String {
            config.named[key].map { String(decoding: $0.token.content, as: UTF8.self) } ?? current
        }
        options.unknownToken = name("unk_token", options.unknownToken)
        options.sepToken = name("sep_token", options.sepToken)
        options.padToken = name("pad_token", options.padToken)
        options.clsToken = name("cls_token", options.clsToken)
        options.maskToken = name("mask_token", options.maskToken)
        try self.init(
            vocabulary: vocabulary, options: options, added: config.resolve(with: vocabulary), sourceFiles: sources)
    }
}
