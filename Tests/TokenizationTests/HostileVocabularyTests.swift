import Foundation
import Testing
import Tokenization

@Suite struct HostileVocabularyTests {
    /// Each byte of a token of repeated characters once took 256 cells, and a vocabulary of a megabyte gigabytes.
    @Test(arguments: ["\u{1F600}", "ab", "a", "abcabd"])
    func longTokensTakeMemoryInProportion(_ piece: String) throws {
        let token = Array(String(repeating: piece, count: 20_000).utf8)
        var builder = WordPieceTrieBuilder()
        _ = try builder.build([(token[...], 0)])
        #expect(builder.cells.count < 3 * token.count)
    }

    @Test(arguments: [
        "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    ])
    func pipesAndDevicesAreRefused(_ name: String) throws {
        let folder = NSTemporaryDirectory() + "hostile-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = "\(folder)/\(name)"
        try #require(mkfifo(path, 0o600) == 0)
        #expect(throws: TokenizerError.self) { try WordPieceTokenizer(modelFolder: folder) }
        unlink(path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/zero")
        let error = #expect(throws: TokenizerError.self) { try WordPieceTokenizer(modelFolder: folder) }
        #expect(error?.description == "\(path): is not a regular file")
    }
}
