import Foundation
import Testing
import Tokenization

/// A folder of tokenizer files for one test, deleted with its last reference.
final class TemporaryFolder {
    let path: String

    init(_ files: [String: String]) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
        for (name, contents) in files { try Data(contents.utf8).write(to: url.appendingPathComponent(name)) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct ModelFolderTests {
    static let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nThe\n##s\ncafé\ncafe\n中\n文\n##文\n"

    private func load(_ files: [String: String]) throws -> WordPieceTokenizer {
        let folder = try TemporaryFolder(files)
        return try WordPieceTokenizer(modelFolder: folder.path)
    }

    private func message(_ files: [String: String]) -> String {
        do {
            _ = try load(files)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    /// A whole `tokenizer.json`, with parts replaced.
    private func tokenizerJSON(
        normalizer: String = #"{"type": "BertNormalizer", "lowercase": true}"#,
        model: String = #""type": "WordPiece""#, added: String = "[]",
        vocabulary: String =
            ###""[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "the": 4, "@@s": 5, "##s": 6, "The": 7"###,
        postProcessor: String = "null"
    ) -> String {
        """
        {"added_tokens": \(added), "normalizer": \(normalizer), "pre_tokenizer": {"type": "BertPreTokenizer"},
         "post_processor": \(postProcessor),
         "model": {\(model), "vocab": {\(vocabulary)}}}
        """
    }

    @Test func aVocabularyAloneIsLowerCased() throws {
        let tokenizer = try load(["vocab.txt": Self.vocabulary])
        #expect(tokenizer.vocabularySize == 13)
        #expect([tokenizer.padID, tokenizer.unknownID, tokenizer.clsID, tokenizer.sepID] == [0, 1, 2, 3])
        #expect(tokenizer.maskID == 4)
        #expect(tokenizer.encode("The CAFÉ 中文").ids == [2, 5, 9, 10, 11, 3])
    }

    @Test func specialTokensElsewhereAreRefused() throws {
        func template(_ single: String) -> String {
            #"{"type": "TemplateProcessing", "single": [\#(single)]}"#
        }
        let (cls, text, sep) = (
            #"{"SpecialToken": {"id": "[CLS]", "type_id": 0}}"#, #"{"Sequence": {"id": "A", "type_id": 0}}"#,
            #"{"SpecialToken": {"id": "[SEP]", "type_id": 0}}"#
        )
        let usual = tokenizerJSON(postProcessor: template([cls, text, sep].joined(separator: ", ")))
        #expect(try load(["tokenizer.json": usual]).encode("the").ids == [2, 4, 3])
        for other in [[cls, text], [text, sep], [cls, sep, text], [cls, text, sep, sep]] {
            let json = tokenizerJSON(postProcessor: template(other.joined(separator: ", ")))
            #expect(message(["tokenizer.json": json]).contains("post_processor.single is no template of BERT's"))
        }
    }

    @Test func theConfigurationIsHonoured() throws {
        let cased = try load([
            "vocab.txt": Self.vocabulary,
            "tokenizer_config.json": #"{"do_lower_case": false, "tokenize_chinese_chars": false}"#,
        ])
        #expect(cased.encode("The café 中文").ids == [2, 6, 8, 10, 12, 3])
        let stripped = try load([
            "vocab.txt": Self.vocabulary,
            "tokenizer_config.json": #"{"do_lower_case": false, "strip_accents": true, "cls_token": "the"}"#,
        ])
        #expect(stripped.encode("The café the").ids == [5, 6, 9, 5, 3])
    }

    @Test func tokenizerJSONGivesSettingsOfItsOwn() throws {
        let tokenizer = try load([
            "tokenizer.json": tokenizerJSON(
                normalizer: #"{"type": "BertNormalizer", "lowercase": false, "clean_text": false}"#,
                model: #""type": "WordPiece", "continuing_subword_prefix": "@@", "max_input_chars_per_word": 4"#,
                added:
                    #"[{"id": 8, "content": "<url>", "special": false}, {"id": 3, "content": "[SEP]", "special": true}]"#
            )
        ])
        #expect(tokenizer.vocabularySize == 9)
        #expect(tokenizer.maskID == nil)
        #expect(tokenizer.encode("The thes thess <url>s [SEP] a\u{0}").ids == [2, 7, 4, 5, 1, 8, 1, 3, 1, 3])
        let lowered = try load([
            "tokenizer.json": tokenizerJSON(), "tokenizer_config.json": #"{"do_lower_case": false}"#,
        ])
        #expect(lowered.encode("The").ids == [2, 7, 3])
    }

    @Test func namedTokensOutsideTheVocabularyGetIDsBehindIt() throws {
        let tokenizer = try load([
            "vocab.txt": Self.vocabulary,
            "tokenizer_config.json": #"{"additional_special_tokens": ["<a>", "the"], "image_token": "<b>"}"#,
        ])
        #expect(tokenizer.vocabularySize == 15)
        #expect(tokenizer.encode("<b>the<a>").ids == [2, 14, 5, 13, 3])
    }

    @Test func aMissingMaskTokenIsOrdinaryText() throws {
        let tokenizer = try load(["vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[\n]\nmask\n"])
        #expect(tokenizer.maskID == nil)
        #expect(tokenizer.vocabularySize == 7)
        #expect(tokenizer.encode("[MASK]").ids == [2, 4, 6, 5, 3])
    }

    @Test func sourceFilesAreThoseThatWereFound() throws {
        let folder = try TemporaryFolder(["vocab.txt": Self.vocabulary, "tokenizer_config.json": "{}"])
        let files = try WordPieceTokenizer(modelFolder: folder.path).sourceFiles
        #expect(Set(files) == [folder.path + "/vocab.txt", folder.path + "/tokenizer_config.json"])
    }

    @Test func writtenFilesGiveTheSameTokenizer() throws {
        var options = TokenizerOptions()
        options.lowercases = false
        options.accentStripping = true
        let first = try WordPieceTokenizer(
            vocabulary: Vocabulary(tokens: ExpectedIDsTests.vocabulary + ["\"quoted\\\""]), options: options)
        var files: [String: String] = [:]
        for file in first.huggingFaceFiles() { files[file.name] = String(decoding: file.contents, as: UTF8.self) }
        let second = try load(files)
        #expect(second.options == options)
        #expect(second.vocabulary.tokens.elementsEqual(first.vocabulary.tokens) { Array($0.utf8) == Array($1.utf8) })
        #expect(second.encode("Hello [MASK] café").ids == first.encode("Hello [MASK] café").ids)
    }

    @Test func otherKindsAreRefusedByName() {
        #expect(message(["tokenizer.json": tokenizerJSON(model: #""type": "BPE""#)]).contains("model is BPE"))
        #expect(message(["tokenizer.json": tokenizerJSON(model: #""merges": []"#)]).contains("model is BPE"))
        let normalizer = message(["tokenizer.json": tokenizerJSON(normalizer: #"{"type": "NFC"}"#)])
        #expect(normalizer.contains("tokenizer.json:1: normalizer is NFC; only BertNormalizer"))
        #expect(message(["tokenizer.json": tokenizerJSON(normalizer: "null")]).contains("normalizer is none"))
        #expect(message([:]).contains("holds neither tokenizer.json nor vocab.txt"))
    }

    @Test func brokenFilesAreNamedWithTheirLine() throws {
        #expect(message(["vocab.txt": ""]).hasSuffix("vocab.txt: the vocabulary is empty: it needs one token a line"))
        #expect(
            message(["vocab.txt": "[PAD]\na\nb\na\n"]).contains(
                "vocab.txt:4: token \"a\" stands twice, first as line 2"))
        #expect(message(["vocab.txt": "[PAD]\n[UNK]\n[CLS]\n"]).contains("lacks the sep token \"[SEP]\""))
        let files = ["vocab.txt": Self.vocabulary]
        func config(_ text: String) -> String { message(files.merging(["tokenizer_config.json": text]) { $1 }) }
        #expect(
            config("{\n\"do_lower_case\": 1}").contains(
                "tokenizer_config.json:2: do_lower_case should be true or false"))
        #expect(config("{\n\"a\": \"b\n\"}").contains("tokenizer_config.json:2: broken JSON: a control character"))
        #expect(config("{} x").contains("something follows"))
        #expect(config(#"{"truncation_side": "left"}"#).contains("truncation_side should be \"right\""))
        #expect(config(String(repeating: "[", count: 100_000)).contains("more than 128 levels deep"))
        let far = #"{"added_tokens_decoder": {"99": {"content": "<x>"}}}"#
        #expect(config(far).contains("\"<x>\" has id 99, but its place in the vocabulary is 13"))
        let gap = tokenizerJSON(vocabulary: #""[PAD]": 0, "x": 9999999999"#)
        #expect(message(["tokenizer.json": gap]).contains("the id of \"x\" should be a whole number from 0"))
        let twice = tokenizerJSON(vocabulary: #""[PAD]": 0, "x": 0"#)
        #expect(message(["tokenizer.json": twice]).contains("share id 0"))
    }

    @Test func brokenUTF8IsNamedWithItsLine() throws {
        let folder = try TemporaryFolder([:])
        let file = folder.path + "/vocab.txt"
        try Data([0x61, 0x0A, 0x62, 0x0A, 0xE4, 0xB8, 0x0A]).write(to: URL(fileURLWithPath: file))
        #expect(throws: TokenizerError.self) { try Vocabulary(contentsOfFile: file) }
        do { _ = try Vocabulary(contentsOfFile: file) } catch {
            #expect("\(error)" == "\(file):3: not UTF-8: save the file as UTF-8")
        }
    }
}
