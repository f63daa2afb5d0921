/// What becomes of every character under one set of normalizer options: a two-level table of 16-bit codes.
///
/// BERT's normalizer (clean, isolate ideographs, decompose and strip accents, lower-case; in that order) works
/// character by character, except that canonical ordering may swap combining marks that stripping leaves in place. Those
/// few characters have a code of their own, `reordered`, and take the path of `CharacterMap.normalize`.
struct CharacterMap: Sendable {
    /// Codes below `firstMapping`; a higher one is an index into `mappings`.
    enum Code {
        /// Part of a word as it is.
        static let word: UInt16 = 0
        /// Dropped without trace, even between combining marks.
        static let removed: UInt16 = 1
        /// Dropped, but combining marks are not ordered across it.
        static let strippedStarter: UInt16 = 2
        static let whitespace: UInt16 = 3
        static let punctuation: UInt16 = 4
        static let ideograph: UInt16 = 5
        /// A Hangul syllable that becomes two or three jamo.
        static let hangul: UInt16 = 6
        /// Is or holds a combining mark that stays and may move.
        static let reordered: UInt16 = 7
        static let firstMapping: UInt16 = 8
    }

    /// For ASCII: the byte that joins the word, or one of these.
    enum ASCIICode {
        static let firstSpecial: UInt8 = 0x80
        static let removed: UInt8 = 0x80
        static let whitespace: UInt8 = 0x81
        static let punctuation: UInt8 = 0x82
        /// The first byte of something longer.
        static let multibyte: UInt8 = 0x83
    }

    /// `ascii[byte]`: 256 entries.
    let ascii: FlatTable<UInt8>
    private let blockOfPage: FlatTable<UInt16>
    private let codes: FlatTable<UInt16>
    /// One scalar of a word: its UTF-8 in the low bytes, its length in byte 4. Else: 0 in byte 4, an offset into
    /// `mappedScalars` in the low half and a count from bit 40 on.
    private let mappings: FlatTable<UInt64>
    private let mappedScalars: FlatTable<UInt32>
    private let keepsWhitespace: Bool

    static let scalarCount: UInt32 = 0x110000

    /// The code of a scalar below 0x110000.
    @inline(__always)
    func code(of scalar: UInt32) -> UInt16 {
        codes.values[Int(blockOfPage.values[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }

    @inline(__always)
    func mapping(_ code: UInt16) -> UInt64 { mappings.values[Int(code - Code.firstMapping)] }

    /// The scalars of a mapping that is not a single scalar of a word.
    func scalars(ofMapping entry: UInt64) -> Slice<UnsafeBufferPointer<UInt32>> {
        let offset = Int(entry & 0xFFFF_FFFF)
        return mappedScalars.values[offset..<(offset + Int(entry >> 40))]
    }

    init(_ options: TokenizerOptions) {
        var builder = CharacterMapBuilder()
        builder.fill(options)
        let parts = builder
        blockOfPage = FlatTable(parts.blockOfPage)
        codes = FlatTable(parts.codes)
        mappings = FlatTable(parts.mappings)
        mappedScalars = FlatTable(parts.mappedScalars)
        keepsWhitespace = !options.cleansText
        ascii = FlatTable(
            (0..<256).map { byte in
                guard byte < 0x80 else { return ASCIICode.multibyte }
                switch parts.code(of: UInt32(byte)) {
                case Code.word: return UInt8(byte)
                case Code.whitespace: return ASCIICode.whitespace
                case Code.punctuation: return ASCIICode.punctuation
                case Code.removed: return ASCIICode.removed
                case let code: return UInt8(truncatingIfNeeded: parts.mappings[Int(code - Code.firstMapping)])
                }
            })
    }

    /// The two or three jamo of a Hangul syllable (Unicode 3.12); `nil` for the third where there is none.
    @inline(__always)
    static func jamo(_ syllable: UInt32) -> (UInt32, UInt32, UInt32?) {
        let index = syllable - 0xAC00
        let tail = index % 28
        return (0x1100 + index / 588, 0x1161 + index % 588 / 28, tail == 0 ? nil : 0x11A7 + tail)
    }

    /// The whole normalized text: for the rare texts whose marks change places, and for added tokens that are looked for
    /// in normalized text.
    func normalize(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.count + text.count / 4)
        /// Marks waiting for their place: class, then arrival, then scalar, so that sorting the numbers orders them.
        var marks: [UInt64] = []
        func flush() {
            marks.sort()
            for mark in marks { UTF8Scalars.append(UInt32(mark & 0x1F_FFFF), to: &output) }
            marks.removeAll(keepingCapacity: true)
        }
        func emit(_ scalar: UInt32) { UTF8Scalars.append(scalar, to: &output) }
        var position = 0
        while position < text.count {
            let (scalar, length) = UTF8Scalars.decode(text, at: position)
            position += length
            let code = code(of: scalar)
            if code != Code.removed, code != Code.reordered, !marks.isEmpty { flush() }
            switch code {
            case Code.removed, Code.strippedStarter: break
            case Code.whitespace: emit(keepsWhitespace ? scalar : 0x20)
            case Code.word, Code.punctuation: emit(scalar)
            case Code.ideograph:
                emit(0x20)
                emit(scalar)
                emit(0x20)
            case Code.hangul:
                let (lead, vowel, tail) = Self.jamo(scalar)
                emit(lead)
                emit(vowel)
                if let tail { emit(tail) }
            case Code.reordered:
                for part in UnicodeTables.decompositions[scalar] ?? [scalar] {
                    if let combiningClass = UnicodeTables.survivingMarks[part] {
                        marks.append(UInt64(combiningClass) << 56 | UInt64(marks.count) << 21 | UInt64(part))
                    } else {
                        flush()
                        emit(part)
                    }
                }
            default:
                let entry = mapping(code)
                let count = Int(entry >> 32 & 0xFF)
                for index in 0..<count { output.append(UInt8(truncatingIfNeeded: entry >> (8 * UInt64(index)))) }
                if count == 0 { scalars(ofMapping: entry).forEach(emit) }
            }
        }
        flush()
        return output
    }
}
