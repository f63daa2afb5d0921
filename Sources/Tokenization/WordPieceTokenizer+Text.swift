extension WordPieceTokenizer {
    /// Appends the ids of one text, without [CLS] and [SEP], stopping once `limit` ids were appended: they are then the
    /// first `limit` ids of the whole text. Ill-formed UTF-8 is read as U+FFFD.
    public func appendTokens(of utf8: UnsafeBufferPointer<UInt8>, limit: Int, to ids: inout [Int32]) {
        guard limit > 0 else { return }
        let (sum, overflow) = ids.count.addingReportingOverflow(limit)
        let stop = overflow ? Int.max : sum
        split(utf8, at: literalTokens, stop: stop, into: &ids) { part, ids in
            appendOrdinaryText(part, stop: stop, to: &ids)
        }
    }

    /// The text as BERT's normalizer leaves it, added tokens not being looked for.
    package func normalized(_ utf8: UnsafeBufferPointer<UInt8>) -> [UInt8] { characters.normalize(utf8) }

    /// Hands the text between added tokens to `body`, and appends the ids of the tokens.
    private func split(
        _ text: UnsafeBufferPointer<UInt8>, at matcher: AddedTokenMatcher?, stop: Int, into ids: inout [Int32],
        _ body: (UnsafeBufferPointer<UInt8>, inout [Int32]) -> Void
    ) {
        guard let matcher else { return body(text, &ids) }
        var start = 0
        var search = 0
        while let match = matcher.next(in: text, start: start, search: &search) {
            if match.start > start { body(UnsafeBufferPointer(rebasing: text[start..<match.start]), &ids) }
            if ids.count >= stop { return }
            ids.append(match.id)
            if ids.count >= stop { return }
            start = match.end
        }
        if start < text.count { body(UnsafeBufferPointer(rebasing: text[start...]), &ids) }
    }

    private func appendOrdinaryText(_ text: UnsafeBufferPointer<UInt8>, stop: Int, to ids: inout [Int32]) {
        let before = ids.count
        if normalizedTokens == nil {
            if appendWords(of: text, with: characters, stop: stop, to: &ids) { return }
            ids.removeLast(ids.count - before)
        }
        characters.normalize(text).withUnsafeBufferPointer { normalized in
            split(normalized, at: normalizedTokens, stop: stop, into: &ids) { part, ids in
                _ = appendWords(of: part, with: splittingCharacters, stop: stop, to: &ids)
            }
        }
    }

    /// Cuts text into words and words into tokens. False where the text holds marks that must be put in order first; the
    /// ids appended until then are to be removed.
    private func appendWords(
        of text: UnsafeBufferPointer<UInt8>, with map: CharacterMap, stop: Int, to ids: inout [Int32]
    ) -> Bool {
        // No character grows more than fourfold when it is normalized, so a short text needs only a short buffer.
        let longest = 4 * (options.longestWord + 1)
        let capacity = min(longest, 4 * text.count) + WordBuffer.largestStep
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { memory in
            var word = WordBuffer(memory: memory, longestWord: options.longestWord)
            let asciiCodes = map.ascii.values
            let end = text.count
            var position = 0
            while position < end {
                var code: UInt8 = CharacterMap.ASCIICode.multibyte
                var run = min(end - position, word.room)
                while run > 0 {
                    code = asciiCodes[Int(text[position])]
                    if code >= CharacterMap.ASCIICode.firstSpecial { break }
                    word.append(code)
                    position += 1
                    run -= 1
                }
                if run == 0 {
                    if position < end { word.overflow() }
                    continue
                }
                switch code {
                case CharacterMap.ASCIICode.whitespace:
                    position += 1
                    if flush(&word, stop: stop, to: &ids) { return true }
                case CharacterMap.ASCIICode.punctuation:
                    if flush(&word, stop: stop, to: &ids) { return true }
                    ids.append(punctuationIDs.values[Int(text[position])])
                    position += 1
                    if ids.count >= stop { return true }
                case CharacterMap.ASCIICode.removed:
                    position += 1
                default:
                    let (scalar, length) = UTF8Scalars.decode(text, at: position)
                    let bytes = UnsafeBufferPointer(rebasing: text[position..<(position + length)])
                    switch append(scalar, bytes, map, &word, stop: stop, to: &ids) {
                    case .more: position += length
                    case .full: return true
                    case .unordered: return false
                    }
                }
            }
            _ = flush(&word, stop: stop, to: &ids)
            return true
        }
    }

    private enum Outcome {
        case more
        /// As many ids as wanted are there.
        case full
        /// The text holds marks that must be put in order first.
        case unordered
    }

    /// Takes in a scalar above ASCII, which `bytes` holds.
    @inline(__always)
    private func append(
        _ scalar: UInt32, _ bytes: UnsafeBufferPointer<UInt8>, _ map: CharacterMap, _ word: inout WordBuffer, stop: Int,
        to ids: inout [Int32]
    ) -> Outcome {
        switch map.code(of: scalar) {
        case CharacterMap.Code.word:
            word.append(scalar)
        case CharacterMap.Code.removed, CharacterMap.Code.strippedStarter:
            break
        case CharacterMap.Code.whitespace:
            if flush(&word, stop: stop, to: &ids) { return .full }
        case CharacterMap.Code.punctuation, CharacterMap.Code.ideograph:
            if flush(&word, stop: stop, to: &ids) { return .full }
            let (id, end) = trie.longestMatch(from: trie.root, in: bytes, at: 0, end: bytes.count)
            ids.append(id >= 0 && end == bytes.count ? id : unknownID)
            if ids.count >= stop { return .full }
        case CharacterMap.Code.hangul:
            let (lead, vowel, tail) = CharacterMap.jamo(scalar)
            word.append(lead)
            word.append(vowel)
            if let tail { word.append(tail) }
        case CharacterMap.Code.reordered:
            return .unordered
        case let code:
            if appendMapping(map.mapping(code), map, &word, stop: stop, to: &ids) { return .full }
        }
        return .more
    }

    /// True once `stop` ids are there.
    @inline(__always)
    private func appendMapping(
        _ entry: UInt64, _ map: CharacterMap, _ word: inout WordBuffer, stop: Int, to ids: inout [Int32]
    ) -> Bool {
        let length = Int(entry >> 32 & 0xFF)
        if length > 0 {
            word.append(UInt32(truncatingIfNeeded: entry), length: length)
            return false
        }
        for scalar in map.scalars(ofMapping: entry) {
            switch splittingCharacters.code(of: scalar) {
            case CharacterMap.Code.whitespace:
                if flush(&word, stop: stop, to: &ids) { return true }
            case CharacterMap.Code.punctuation:
                if flush(&word, stop: stop, to: &ids) { return true }
                word.append(scalar)
                if flush(&word, stop: stop, to: &ids) { return true }
            default: word.append(scalar)
            }
        }
        return false
    }

    /// Appends the ids of the word gathered so far, if any, and empties it. True once `stop` ids are there.
    @inline(__always)
    private func flush(_ word: inout WordBuffer, stop: Int, to ids: inout [Int32]) -> Bool {
        if word.isEmpty { return false }
        let start = ids.count
        if word.isTooLong {
            ids.append(unknownID)
        } else {
            let bytes = word.bytes
            var base = trie.root
            var position = 0
            repeat {
                let match = trie.longestMatch(from: base, in: bytes, at: position, end: bytes.count)
                if match.id < 0 {
                    ids.removeLast(ids.count - start)
                    ids.append(unknownID)
                    break
                }
                ids.append(match.id)
                position = match.end
                base = continuation
            } while position < bytes.count
        }
        word.clear()
        guard ids.count >= stop else { return false }
        ids.removeLast(ids.count - stop)
        return true
    }
}
