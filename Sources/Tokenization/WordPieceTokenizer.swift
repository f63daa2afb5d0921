/// BERT's tokenizer: normalizes text, cuts it into words, and each word greedily into the longest tokens of a vocabulary.
///
/// Ids equal those of Hugging Face's `BertTokenizerFast` for any text. Safe to use from several threads at once: nothing
/// changes after it is made.
///
/// Sources: Wu et al., "Google's Neural Machine Translation System", 2016, section 4.1 (WordPiece); Devlin et al.,
/// "BERT", 2019, and its `BasicTokenizer`.
public struct WordPieceTokenizer: Sendable {
    public let vocabulary: Vocabulary
    public let options: TokenizerOptions
    /// What stays of texts that are too long.
    public var truncation = Truncation.head
    /// Files of the folder that this was loaded from; empty for a tokenizer made in memory. Copy these to keep it.
    public let sourceFiles: [String]

    public let clsID: Int32
    public let sepID: Int32
    public let padID: Int32
    public let unknownID: Int32
    /// `nil` where the vocabulary has no mask token.
    public let maskID: Int32?
    /// The number of ids: of the vocabulary, and tokens added behind it. An embedding needs so many rows.
    public let vocabularySize: Int

    let addedTokens: [AddedToken]
    let literalTokens: AddedTokenMatcher?
    let normalizedTokens: AddedTokenMatcher?
    let characters: CharacterMap
    /// For text that is normalized already.
    let splittingCharacters: CharacterMap
    let trie: WordPieceTrie
    let continuation: UInt32
    /// Ids of ASCII punctuation, which is always a word of one character.
    let punctuationIDs: FlatTable<Int32>

    /// A tokenizer over a vocabulary. Throws where the vocabulary lacks the unknown, cls, sep or pad token, or an option
    /// is out of range.
    public init(vocabulary: Vocabulary, options: TokenizerOptions = TokenizerOptions()) throws {
        try self.init(vocabulary: vocabulary, options: options, added: [], sourceFiles: [])
    }

    /// `added` tokens have their ids already; special tokens need not be among them.
    init(vocabulary: Vocabulary, options: TokenizerOptions, added: [AddedToken], sourceFiles: [String]) throws {
        guard (1...Self.longestWordAllowed).contains(options.longestWord) else {
            throw TokenizerError(
                "words of at most \(options.longestWord) characters: give a number from 1 to \(Self.longestWordAllowed)",
                file: vocabulary.file)
        }
        func id(_ token: String, _ role: String) throws -> Int32 {
            if let id = vocabulary.id(of: token) ?? added.first(where: { $0.content.elementsEqual(token.utf8) })?.id {
                return id
            }
            throw TokenizerError(
                "the vocabulary lacks the \(role) token \"\(token)\": add it, or name another in tokenizer_config.json",
                file: vocabulary.file)
        }
        self.vocabulary = vocabulary
        self.options = options
        self.sourceFiles = sourceFiles
        unknownID = try id(options.unknownToken, "unknown")
        clsID = try id(options.clsToken, "cls")
        sepID = try id(options.sepToken, "sep")
        padID = try id(options.padToken, "pad")
        maskID = try? id(options.maskToken, "mask")

        var added = added
        let named = [
            (options.unknownToken, unknownID as Int32?), (options.sepToken, sepID), (options.padToken, padID),
            (options.clsToken, clsID), (options.maskToken, maskID),
        ]
        for (token, id) in named where !added.contains(where: { $0.content.elementsEqual(token.utf8) }) {
            if let id { added.append(AddedToken(content: Array(token.utf8), id: id)) }
        }
        addedTokens = added
        vocabularySize = max(vocabulary.count, 1 + Int(added.map(\.id).max() ?? -1))

        let characters = CharacterMap(options)
        self.characters = characters
        splittingCharacters = CharacterMap(.splittingOnly)
        literalTokens = try AddedTokenMatcher(added.filter { !$0.isNormalized })
        normalizedTokens = try AddedTokenMatcher(
            added.filter(\.isNormalized).map { token in
                var token = token
                token.content = token.content.withUnsafeBufferPointer(characters.normalize)
                return token
            })
        let trie = try WordPieceTrie(sorted: vocabulary.sortedIDs.map { (vocabulary[$0], $0) })
        self.trie = trie
        continuation = trie.node(at: options.continuationPrefix.utf8)
        let unknownID = unknownID
        punctuationIDs = FlatTable(
            (0..<128).map { byte in
                let id = WordPieceTrie.id(trie.child(of: trie.root, UInt8(byte)))
                return id < 0 ? unknownID : id
            })
    }

    /// A word of so many characters needs a buffer of four times as many bytes while it is cut.
    static let longestWordAllowed = 1 << 20
}
