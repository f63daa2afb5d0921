/// How text is normalized and cut, with the names of the special tokens; the defaults are those of `BertTokenizerFast`.
public struct TokenizerOptions: Sendable, Equatable {
    /// Drop control characters, treat all white space alike (`clean_text`).
    public var cleansText = true
    /// Make every Chinese character a word of its own (`tokenize_chinese_chars`, `handle_chinese_chars`).
    public var isolatesIdeographs = true
    /// Lower-case (`do_lower_case`, `lowercase`).
    public var lowercases = true
    /// Decompose and strip accents (`strip_accents`); left out, it follows `lowercases`.
    public var accentStripping: Bool?
    /// What marks a piece that continues a word (`continuing_subword_prefix`).
    public var continuationPrefix = "##"
    /// Longer words become the unknown token, in Unicode scalars after normalization (`max_input_chars_per_word`).
    public var longestWord = 100

    public var clsToken = "[CLS]"
    public var sepToken = "[SEP]"
    public var padToken = "[PAD]"
    public var unknownToken = "[UNK]"
    /// The mask token; a vocabulary may lack it.
    public var maskToken = "[MASK]"

    public init() {}

    var stripsAccents: Bool { accentStripping ?? lowercases }

    /// For text that is normalized already: only white space and punctuation matter.
    static var splittingOnly: TokenizerOptions {
        var options = TokenizerOptions()
        options.cleansText = false
        options.isolatesIdeographs = false
        options.lowercases = false
        options.accentStripping = false
        return options
    }
}
