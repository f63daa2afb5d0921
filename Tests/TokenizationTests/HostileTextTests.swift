import Testing
import Tokenization

/// Texts that are no text: the tokenizer must neither stop nor read past its bytes.
@Suite struct HostileTextTests {
    private func ids(_ bytes: [UInt8], cleaning: Bool = true) throws -> [Int32] {
        var options = TokenizerOptions()
        options.cleansText = cleaning
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "##a", "\u{FFFD}", "##\u{FFFD}"]
        let tokenizer = try WordPieceTokenizer(vocabulary: Vocabulary(tokens: tokens), options: options)
        var result: [Int32] = []
        bytes.withUnsafeBufferPointer { tokenizer.appendTokens(of: $0, limit: .max, to: &result) }
        return result
    }

    @Test(
        arguments: [
            ([0x80], 1), ([0xC3], 1), ([0xC0, 0x80], 2), ([0xE4, 0xB8], 1), ([0xE4, 0xB8, 0x61], 1),
            ([0xED, 0xA0, 0x80], 3),
            ([0xF0, 0x9F, 0x98], 1), ([0xF4, 0x90, 0x80, 0x80], 4), ([0xF8, 0x88, 0x80, 0x80, 0x80], 5),
            ([0xE0, 0x80, 0x80], 3),
            ([0xFF, 0xFE], 2), ([0xEF, 0xBF, 0xBD], 1),
        ] as [([UInt8], Int)])
    func illFormedBytesAreReplacementCharacters(_ bytes: [UInt8], _ count: Int) throws {
        #expect(try ids(bytes + [0x61]).count == 1 + (bytes.last == 0x61 ? 1 : 0))
        let repaired = String(decoding: bytes, as: UTF8.self)
        #expect(repaired.unicodeScalars.count { $0 == "\u{FFFD}" } == count)
        #expect(try ids(bytes, cleaning: false) == ids(Array(repaired.utf8), cleaning: false))
        #expect(try ids(bytes, cleaning: false).count { $0 == 6 || $0 == 7 } == count)
    }

    @Test func pseudorandomBytesGiveTheIDsOfTheirRepairedText() throws {
        let tokenizer = try ExpectedIDsTests.tokenizer("uncased")
        var state: UInt64 = 42
        func random() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        for length in 0..<400 {
            let bytes = (0..<length).map { _ in random() & (length % 3 == 0 ? 0xFF : 0xEF) }
            var direct: [Int32] = []
            bytes.withUnsafeBufferPointer { tokenizer.appendTokens(of: $0, limit: .max, to: &direct) }
            let repaired = tokenizer.encode(String(decoding: bytes, as: UTF8.self)).ids
            #expect(direct == Array(repaired.dropFirst().dropLast()))
        }
    }

    @Test func longTextsTakeLittleTime() throws {
        let count = 1 << 20
        #expect(try ids(Array(repeating: 0x61, count: count)) == [1])
        #expect(try ids(Array(repeating: 0x20, count: count)).isEmpty)
        #expect(try ids(Array(repeating: UInt8(ascii: "["), count: count)) == Array(repeating: 1, count: count))
        let marks = String(repeating: "\u{302E}\u{302F}", count: 1 << 16)
        #expect(try ids(Array(marks.utf8)) == [1])
    }

    @Test func manyThreadsShareOneTokenizer() async throws {
        let tokenizer = try ExpectedIDsTests.tokenizer("uncased")
        let text = String(repeating: "hello café 中文 x\u{302F}\u{302E} [MASK] ", count: 200)
        let alone = tokenizer.encode(text)
        await withTaskGroup(of: EncodedText.self) { group in
            for _ in 0..<8 { group.addTask { tokenizer.encode(text) } }
            for await encoded in group { #expect(encoded == alone) }
        }
    }

    @Test func equalStringsOfOtherBytesAreTokensOfTheirOwn() throws {
        let vocabulary = try Vocabulary(tokens: ["\u{E9}", "e\u{301}", "", "a", ""])
        #expect(vocabulary.id(of: "\u{E9}") == 0)
        #expect(vocabulary.id(of: "e\u{301}") == 1)
        #expect(vocabulary.id(of: "") == nil)
        #expect(throws: TokenizerError.self) { try Vocabulary(tokens: ["a", "b", "a"]) }
        #expect(throws: TokenizerError.self) { try Vocabulary(tokens: []) }
    }
}
