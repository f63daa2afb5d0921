import Foundation
import Testing
import Tokenization

/// Ids of real texts, written by `Tests/Oracles/tokenizer_expected.py --golden`.
@Suite struct GoldenTests {
    static let path = ProcessInfo.processInfo.environment["MTBERT_TOKENIZER_GOLDEN"]

    private struct Model: Decodable { let model: String }
    private struct Row: Decodable {
        let text: String
        let ids: [Int32]
    }

    @Test(.enabled(if: path != nil, "MTBERT_TOKENIZER_GOLDEN names no file of expected ids"))
    func realTextsGiveTheOraclesIDs() throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: #require(Self.path)))
        let lines = file.split(separator: 0x0A)
        let decoder = JSONDecoder()
        let model = try decoder.decode(Model.self, from: #require(lines.first))
        let tokenizer = try WordPieceTokenizer(modelFolder: model.model)
        try #require(lines.count > 1)
        var differing = 0
        for line in lines.dropFirst() {
            let row = try decoder.decode(Row.self, from: line)
            if tokenizer.encode(row.text).ids != row.ids { differing += 1 }
        }
        #expect(differing == 0, "of \(lines.count - 1) texts")
    }
}
