import Foundation

/// A token that is looked for in the text itself, before it is cut into words; special tokens are such.
struct AddedToken: Sendable, Equatable {
    var content: [UInt8]
    var id: Int32
    /// Does not match beside a letter, digit or underscore.
    var standsAlone = false
    var stripsLeft = false
    var stripsRight = false
    /// Is looked for in normalized text, in its own normalized form.
    var isNormalized = false
    var isSpecial = true
}

/// Finds added tokens: the leftmost, and there the longest.
struct AddedTokenMatcher: Sendable {
    struct Match {
        let start: Int
        let end: Int
        let id: Int32
    }

    private let tokens: [AddedToken]
    /// Its ids are indices into `tokens`.
    private let trie: WordPieceTrie
    private let begins: [Bool]
    private let onlyFirstByte: UInt8?

    /// `nil` where there is nothing to look for. Of equal contents the first counts.
    init?(_ tokens: [AddedToken]) throws {
        let ordered = tokens.indices.filter { !tokens[$0].content.isEmpty }
            .sorted { first, second in
                if tokens[first].content == tokens[second].content { return first < second }
                return tokens[first].content.lexicographicallyPrecedes(tokens[second].content)
            }
        var unique: [(bytes: ArraySlice<UInt8>, id: Int32)] = []
        for index in ordered where !(unique.last?.bytes.elementsEqual(tokens[index].content) ?? false) {
            unique.append((tokens[index].content[...], Int32(index)))
        }
        if unique.isEmpty { return nil }
        self.tokens = tokens
        trie = try WordPieceTrie(sorted: unique)
        var begins = [Bool](repeating: false, count: 256)
        for token in unique { begins[Int(token.bytes[token.bytes.startIndex])] = true }
        self.begins = begins
        onlyFirstByte = begins.count { $0 } == 1 ? begins.firstIndex(of: true).map { UInt8($0) } : nil
    }

    /// The next match at or after `search`; `start` is where the text not yet consumed begins. On return, `search` is
    /// where to look further, whether there was a match or not.
    func next(in text: UnsafeBufferPointer<UInt8>, start: Int, search: inout Int) -> Match? {
        while let position = candidate(in: text, from: search) {
            let (index, end) = trie.longestMatch(from: trie.root, in: text, at: position, end: text.count)
            guard index >= 0 else {
                search = position + 1
                continue
            }
            search = end
            let token = tokens[Int(index)]
            if token.standsAlone, isWord(before: position, in: text) || isWord(after: end, in: text) { continue }
            let left = token.stripsLeft ? max(start, whitespaceStart(before: position, in: text)) : position
            let right = token.stripsRight ? whitespaceEnd(after: end, in: text) : end
            return Match(start: max(left, start), end: right, id: token.id)
        }
        search = text.count
        return nil
    }

    private func candidate(in text: UnsafeBufferPointer<UInt8>, from position: Int) -> Int? {
        if let onlyFirstByte {
            guard position < text.count, let base = text.baseAddress,
                let found = memchr(base + position, Int32(onlyFirstByte), text.count - position)
            else { return nil }
            return UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
        var position = position
        while position < text.count {
            if begins[Int(text[position])] { return position }
            position += 1
        }
        return nil
    }

    private func isWord(before position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        scalar(before: position, in: text).map { UnicodeTables.contains($0.scalar, in: UnicodeTables.wordCharacters) }
            ?? false
    }

    private func isWord(after position: Int, in text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard position < text.count else { return false }
        return UnicodeTables.contains(
            UTF8Scalars.decode(text, at: position).scalar, in: UnicodeTables.wordCharacters)
    }

    private func whitespaceStart(before position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var start = position
        while let (scalar, begin) = scalar(before: start, in: text),
            UnicodeTables.contains(scalar, in: UnicodeTables.whitespace)
        {
            start = begin
        }
        return start
    }

    private func whitespaceEnd(after position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
        var end = position
        while end < text.count {
            let (scalar, length) = UTF8Scalars.decode(text, at: end)
            guard UnicodeTables.contains(scalar, in: UnicodeTables.whitespace) else { break }
            end += length
        }
        return end
    }

    private func scalar(before position: Int, in text: UnsafeBufferPointer<UInt8>) -> (scalar: UInt32, start: Int)? {
        guard position > 0 else { return nil }
        var start = position - 1
        while start > 0, position - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
        return (UTF8Scalars.decode(text, at: start).scalar, start)
    }
}
