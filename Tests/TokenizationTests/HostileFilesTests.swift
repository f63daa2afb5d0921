import Foundation
import Testing
import Tokenization

@Suite(.serialized) struct HostileFilesTests {
    private static let vocabulary =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n!\nthe\nca\n##t\n##s\n好\ne\u{301}\n\u{e9}\n\nun\n##aff\n##able\n"
    private static let text =
        "The CATS unaffable, e\u{301} \u{e9} 好! [MASK][X] \u{202E}\u{0}x " + String(repeating: "a", count: 300)

    private func run(_ fileName: String, samples: [String], words: [String], besides: [String: String] = [:]) throws {
        try HostileFiles(
            reader: fileName, fileName: fileName,
            mutator: Mutator(samples: samples.map { Array($0.utf8) }, words: words), shortRun: 500,
            promises: { $0 is TokenizerError }
        ) { path in
            let tokenizer = try WordPieceTokenizer(modelFolder: (path as NSString).deletingLastPathComponent)
            let ids = tokenizer.encode(Self.text, pair: "cats", maxLength: 64).ids
            #expect(ids.count <= 64 && ids.allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) })
        }.run { folder in
            for (name, text) in besides {
                try text.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
            }
        }
    }

    @Test func vocabulary() throws {
        let lines = Self.vocabulary.split(separator: "\n").map { "\($0)\n" }
        try run(
            "vocab.txt", samples: [Self.vocabulary, Self.vocabulary.replacing("\n", with: "\r\n")],
            words: lines + ["##", "\n"])
    }

    private static let settings = """
        {"do_lower_case": false, "strip_accents": null, "tokenize_chinese_chars": true, "truncation_side": "right",
         "unk_token": "[UNK]", "cls_token": {"content": "[CLS]", "lstrip": true}, "additional_special_tokens": ["[X]", "好"],
         "added_tokens_decoder": {"0": {"content": "[PAD]"}, "17": {"content": "[Y]", "normalized": true, "rstrip": true}}}
        """
    private static let jsonWords = [
        "{", "}", "[", "]", "\"", ",", ":", "null", "true", "1e400", "\\ud800", "\\u0041", "{\"content\":\"\"}",
        "\"content\":",
        "\"mask_token\":\"the\",", "\"pad_token\":\"\",", "\"added_tokens_decoder\":{},", "\"cls_token\":1,",
        "\"id\":4194304,",
    ]

    @Test func settings() throws {
        try run(
            "tokenizer_config.json", samples: [Self.settings, "{}"], words: Self.jsonWords,
            besides: ["vocab.txt": Self.vocabulary, "added_tokens.json": "{\"[Z]\": 17}"])
    }

    @Test func addedTokens() throws {
        try run(
            "added_tokens.json", samples: ["{\"[Z]\": 17, \"é\": 12}", "{}"], words: Self.jsonWords,
            besides: ["vocab.txt": Self.vocabulary, "special_tokens_map.json": "{\"pad_token\": \"[PAD]\"}"])
    }

    @Test func tokenizer() throws {
        let tokens = Self.vocabulary.split(separator: "\n").enumerated().map { "\"\($0.element)\": \($0.offset)" }
        let sample = """
            {"version": "1.0", "added_tokens": [{"id": 0, "content": "[PAD]", "special": true}],
             "normalizer": {"type": "BertNormalizer", "clean_text": true, "lowercase": true, "strip_accents": null},
             "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type": "TemplateProcessing"},
             "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
             "max_input_chars_per_word": 100, "vocab": {\(tokens.joined(separator: ", "))}}}
            """
        try run(
            "tokenizer.json", samples: [sample],
            words: Self.jsonWords + ["\"max_input_chars_per_word\":1048576,", "\"x\":4194304,", "\"vocab\":{},"])
    }
}
