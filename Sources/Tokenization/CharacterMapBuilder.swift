/// Puts the two-level table of a `CharacterMap` together from the range tables.
struct CharacterMapBuilder {
    /// Index of the block of 256 codes for every page of 256 scalars; pages without any entry share block 0.
    private(set) var blockOfPage = [UInt16](repeating: 0, count: Int(CharacterMap.scalarCount >> 8))
    private(set) var codes = [UInt16](repeating: CharacterMap.Code.word, count: 256)
    private(set) var mappings: [UInt64] = []
    private(set) var mappedScalars: [UInt32] = []
    /// Blocks filled with one code, shared by all pages that lie inside one range.
    private var uniformBlocks: [UInt16: UInt16] = [CharacterMap.Code.word: 0]

    private typealias Code = CharacterMap.Code

    func code(of scalar: UInt32) -> UInt16 {
        codes[Int(blockOfPage[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]
    }

    /// Later steps of the normalizer are filled in first, and earlier ones laid over them.
    mutating func fill(_ options: TokenizerOptions) {
        set(UnicodeTables.whitespace, to: Code.whitespace)
        set(UnicodeTables.punctuation, to: Code.punctuation)
        let stripsAccents = options.stripsAccents
        if options.lowercases {
            for (scalar, lower) in UnicodeTables.lowercase { setMapping(scalar, to: lower) }
        }
        if stripsAccents {
            for (scalar, parts) in UnicodeTables.decompositions {
                let lowered = parts.flatMap { options.lowercases ? UnicodeTables.lowercase[$0] ?? [$0] : [$0] }
                setMapping(scalar, to: lowered)
            }
            set([0xAC00...0xD7A3], to: Code.hangul)
            set(UnicodeTables.strippedStarters, to: Code.strippedStarter)
            set(UnicodeTables.strippedMarks, to: Code.removed)
            set(UnicodeTables.survivingMarks.keys.map { $0...$0 }, to: Code.reordered)
            set(UnicodeTables.reordered, to: Code.reordered)
        }
        if options.isolatesIdeographs {
            for range in UnicodeTables.ideographs {
                let mapped = range.filter { code(of: $0) >= Code.firstMapping }
                let targets = mapped.map { Array(mappedParts(of: $0)) }
                set([range], to: Code.ideograph)
                for (scalar, parts) in zip(mapped, targets) { setMapping(scalar, to: [0x20] + parts + [0x20]) }
            }
        }
        if options.cleansText {
            set(UnicodeTables.whitespace, to: Code.whitespace)
            set(UnicodeTables.removed, to: Code.removed)
        }
    }

    private func mappedParts(of scalar: UInt32) -> [UInt32] { UnicodeTables.decompositions[scalar] ?? [scalar] }

    private mutating func setMapping(_ scalar: UInt32, to parts: [UInt32]) {
        let entry: UInt64
        if parts.count == 1, code(of: parts[0]) != Code.whitespace, code(of: parts[0]) != Code.punctuation {
            var utf8: [UInt8] = []
            UTF8Scalars.append(parts[0], to: &utf8)
            let packed = utf8.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            entry = packed | UInt64(utf8.count) << 32
        } else {
            entry = UInt64(mappedScalars.count) | UInt64(parts.count) << 40
            mappedScalars += parts
        }
        set([scalar...scalar], to: Code.firstMapping + UInt16(mappings.count))
        mappings.append(entry)
    }

    private mutating func set(_ ranges: [ClosedRange<UInt32>], to code: UInt16) {
        for range in ranges {
            var scalar = range.lowerBound
            while scalar <= range.upperBound {
                let page = Int(scalar >> 8)
                let lastOfPage = scalar | 0xFF
                if scalar & 0xFF == 0, lastOfPage <= range.upperBound {
                    blockOfPage[page] = uniformBlock(code)
                } else {
                    makeOwnBlock(page)
                    let start = Int(blockOfPage[page]) << 8
                    for low in Int(scalar & 0xFF)...Int(min(lastOfPage, range.upperBound) & 0xFF) {
                        codes[start + low] = code
                    }
                }
                scalar = lastOfPage + 1
            }
        }
    }

    private mutating func uniformBlock(_ code: UInt16) -> UInt16 {
        if let block = uniformBlocks[code] { return block }
        let block = UInt16(codes.count >> 8)
        codes += repeatElement(code, count: 256)
        uniformBlocks[code] = block
        return block
    }

    /// Gives a page a block of its own before a part of it is written.
    private mutating func makeOwnBlock(_ page: Int) {
        let block = blockOfPage[page]
        guard uniformBlocks.values.contains(block) else { return }
        let start = Int(block) << 8
        blockOfPage[page] = UInt16(codes.count >> 8)
        codes += Array(codes[start..<(start + 256)])
    }
}
