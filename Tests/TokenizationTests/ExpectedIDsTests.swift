import Foundation
import Testing
import Tokenization

/// Ids that `BertTokenizerFast` gives, under five settings.
@Suite struct ExpectedIDsTests {
    static var cases: [[String: Any]] { parsed["cases"] as? [[String: Any]] ?? [] }
    static let vocabulary = parsed["tokens"] as? [String] ?? []

    private static var parsed: [String: Any] {
        let object = try? JSONSerialization.jsonObject(with: Data(expectedIDs.utf8))
        return object as? [String: Any] ?? [:]
    }

    /// The settings that `tokenizer_expected.py` asks the oracle about.
    static let settings: [String: @Sendable (inout TokenizerOptions) -> Void] = [
        "uncased": { _ in },
        "cased": { $0.lowercases = false },
        "accents": { $0.accentStripping = false },
        "cased-stripped": {
            $0.lowercases = false
            $0.accentStripping = true
        },
        "joined": {
            $0.lowercases = false
            $0.isolatesIdeographs = false
        },
    ]

    static func tokenizer(_ name: String) throws -> WordPieceTokenizer {
        var options = TokenizerOptions()
        let change = try #require(settings[name])
        change(&options)
        return try WordPieceTokenizer(vocabulary: Vocabulary(tokens: vocabulary), options: options)
    }

    static func text(_ one: [String: Any]) -> String {
        if let text = one["text"] as? String { return text }
        let runs = one["runs"] as? [[Any]] ?? []
        return runs.map { String(repeating: $0[0] as? String ?? "", count: $0[1] as? Int ?? 0) }.joined()
    }

    static func ids(_ value: Any?) -> [Int32]? { (value as? [Int]).map { $0.map(Int32.init) } }

    @Test(arguments: settings.keys.sorted())
    func idsEqualThoseOfTheOracle(_ name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let cases = Self.cases.filter { $0["maxLength"] == nil }
        try #require(cases.count > 60)
        for one in cases {
            let text = Self.text(one)
            let expected = Self.ids((one["except"] as? [String: Any])?[name]) ?? Self.ids(one["ids"])
            let encoded = tokenizer.encode(text)
            #expect(encoded.ids == expected, "\(text.debugDescription)")
            #expect(encoded.secondSegmentStart == encoded.ids.count)
        }
    }

    @Test func truncationEqualsThatOfTheOracle() throws {
        let tokenizer = try Self.tokenizer("uncased")
        let cases = Self.cases.filter { $0["maxLength"] != nil }
        try #require(cases.count > 60)
        for one in cases {
            let text = Self.text(one)
            let pair = one["pair"] as? String
            let encoded = tokenizer.encode(text, pair: pair, maxLength: try #require(one["maxLength"] as? Int))
            #expect(encoded.ids == Self.ids(one["ids"]), "\(text) | \(pair ?? "") | \(one["maxLength"] ?? 0)")
            if let types = one["types"] as? [Int] {
                #expect(encoded.secondSegmentStart == types.firstIndex(of: 1))
            }
        }
    }

    /// Of a text that is too long a quarter of the room is its beginning and the rest its end.
    @Test func headAndTailOfLongTexts() throws {
        var tokenizer = try Self.tokenizer("uncased")
        tokenizer.truncation = .headAndTail
        let text = (0..<40).map { "hello the a world".split(separator: " ")[($0 * $0) % 4] }.joined(separator: " ")
        let all = Array(tokenizer.encode(text).ids.dropFirst().dropLast())
        try #require(all.count == 40)
        for room in [1, 2, 3, 4, 5, 8, 17, 39, 40, 41] {
            let right = all.count <= room ? all : all.prefix(room / 4) + all.suffix(room - room / 4)
            let ids = tokenizer.encode(text, maxLength: room + 2).ids
            #expect(ids == [tokenizer.clsID] + right + [tokenizer.sepID], "room for \(room)")
        }
        let pair = tokenizer.encode(text, pair: "a world", maxLength: 13)
        #expect(pair.ids.count == 13 && pair.secondSegmentStart == 10)
        #expect(pair.ids[1..<9].elementsEqual(all.prefix(2) + all.suffix(6)))
        #expect(pair.ids[10...].elementsEqual(tokenizer.encode("a world").ids.dropFirst()))
    }

    @Test(arguments: settings.keys.sorted())
    func aLimitGivesAPrefixOfAllIDs(_ name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        for one in Self.cases {
            var text = Self.text(one)
            text.withUTF8 { utf8 in
                var all: [Int32] = []
                tokenizer.appendTokens(of: utf8, limit: .max, to: &all)
                for limit in 0...min(all.count + 1, 40) {
                    var some: [Int32] = [-7]
                    tokenizer.appendTokens(of: utf8, limit: limit, to: &some)
                    #expect(some == [-7] + all.prefix(limit))
                }
            }
        }
    }

    @Test(arguments: settings.keys.sorted())
    func everyCodePointIsNormalizedAsTheOracleDoes(_ name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        var growsTooFar = false
        for value in (0 as UInt32)..<0x110000 {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = [UInt8(ascii: "a")] + Array(String(scalar).utf8) + [UInt8(ascii: "b")]
            let normalized = text.withUnsafeBufferPointer(tokenizer.normalized)
            growsTooFar = growsTooFar || normalized.count - 2 > 4 * (text.count - 2)
            for byte in normalized { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        #expect(digest == expectedDigests[name])
        #expect(!growsTooFar, "a word's buffer holds four bytes for each byte of text")
    }
}
