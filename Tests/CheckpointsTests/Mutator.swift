/// Numbers from splitmix64: the same for a seed and a case on every machine.
struct CaseGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64, number: Int) {
        state = seed &* 0xD1B5_4A32_D192_ED03 ^ UInt64(number) &* 0x9E37_79B9_7F4A_7C15
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// From 0 to below `bound`; 0 where there is none.
    mutating func below(_ bound: Int) -> Int { bound <= 1 ? 0 : Int(next() % UInt64(bound)) }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

/// Damages files as disks, careless programs and enemies do: some changes know nothing of the format, some know what numbers,
/// lines, brackets and strings are.
struct Mutator {
    /// Whole files to start from.
    let samples: [[UInt8]]
    /// What the format's own words are; put in at any place.
    let words: [[UInt8]]
    /// No file grows beyond this.
    static let largestFile = 1 << 16

    init(samples: [[UInt8]], words: [String]) {
        self.samples = samples
        self.words = words.map { Array($0.utf8) } + Self.troublesome
    }

    /// The file of a case.
    func file(seed: UInt64, number: Int) -> [UInt8] {
        var random = CaseGenerator(seed: seed, number: number)
        var bytes = random.pick(samples)
        var changes = 1
        while changes < 8, random.below(2) == 0 { changes += 1 }
        for _ in 0..<changes { change(&bytes, &random) }
        return bytes.count > Self.largestFile ? Array(bytes[..<Self.largestFile]) : bytes
    }

    private func change(_ bytes: inout [UInt8], _ random: inout CaseGenerator) {
        let place = random.below(bytes.count + 1)
        switch random.below(18) {
        case 0: if place < bytes.count { bytes[place] ^= 1 << random.below(8) }
        case 1:
            if place < bytes.count { bytes[place] = random.pick([0, 0x0A, 0x20, 0x22, 0x2C, 0x5C, 0x7F, 0x80, 0xFF]) }
        case 2: bytes.removeSubrange(place...)
        case 3: bytes.removeSubrange(block(of: bytes, &random))
        case 4: bytes.insert(contentsOf: bytes[block(of: bytes, &random)], at: place)
        case 5, 6: bytes.insert(contentsOf: random.pick(words), at: place)
        case 7: overwrite(&bytes, at: place, with: random.pick(words))
        case 8: setBinaryNumber(&bytes, at: place, &random)
        case 9, 10: setDecimalNumber(&bytes, &random)
        case 11: repeatPart(&bytes, &random)
        case 12:
            let letter: [UInt8] = random.pick([
                [0x61], [0x39], [0x20], [0xC3, 0xA9], [0xF0, 0x9F, 0x98, 0x80], [0xCC, 0x81],
            ])
            bytes.insert(contentsOf: Array(repeatElement(letter, count: 1 << random.below(14)).joined()), at: place)
        case 13: changeLines(&bytes, &random)
        case 14:
            let other = random.pick(samples)
            bytes = Array(bytes[..<place]) + other[random.below(other.count + 1)...]
        case 15: nest(&bytes, at: place, &random)
        case 16:
            // Up to the end of a page, behind which nothing may be read.
            let size = (bytes.count + 4095) / 4096 * 4096
            if let last = bytes.last {
                bytes += repeatElement(random.pick([last, 0x20, 0x61, 0]), count: size - bytes.count)
            }
        default: bytes.insert(contentsOf: (0..<1 + random.below(8)).map { _ in UInt8(random.below(256)) }, at: place)
        }
    }

    private func block(of bytes: [UInt8], _ random: inout CaseGenerator) -> Range<Int> {
        let start = random.below(bytes.count + 1)
        return start..<min(bytes.count, start + random.below(1 << random.below(10)))
    }

    private func overwrite(_ bytes: inout [UInt8], at place: Int, with word: [UInt8]) {
        bytes.replaceSubrange(place..<min(bytes.count, place + word.count), with: word)
    }

    /// An integer as binary formats store it, with a value at the edge of what its type holds or of the file.
    private func setBinaryNumber(_ bytes: inout [UInt8], at place: Int, _ random: inout CaseGenerator) {
        let size = UInt64(bytes.count)
        let value: UInt64 = random.pick([
            0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 60,
            0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max, .max - 7, size, size &- 1, size &- 8, size + 1,
        ])
        let word = (0..<random.pick([1, 2, 4, 8])).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        overwrite(&bytes, at: random.below(4) == 0 ? 0 : place, with: word)
    }

    /// Another number in the place of one that stands there in digits.
    private func setDecimalNumber(_ bytes: inout [UInt8], _ random: inout CaseGenerator) {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        let from = random.below(bytes.count)
        guard let start = bytes[from...].firstIndex(where: isDigit) ?? bytes.firstIndex(where: isDigit) else { return }
        let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(start..<end, with: random.pick(Self.numbers))
    }

    /// Two to some hundred times the same: keys stand twice, lists grow long.
    private func repeatPart(_ bytes: inout [UInt8], _ random: inout CaseGenerator) {
        let part = block(of: bytes, &random)
        let count = min(1 << random.below(10), Self.largestFile / max(1, part.count))
        bytes.insert(contentsOf: Array(repeatElement(bytes[part], count: count).joined()), at: part.upperBound)
    }

    private func changeLines(_ bytes: inout [UInt8], _ random: inout CaseGenerator) {
        var lines = bytes.split(separator: 0x0A, maxSplits: 4096, omittingEmptySubsequences: false)
        let (first, second) = (random.below(lines.count), random.below(lines.count))
        switch random.below(3) {
        case 0: lines.swapAt(first, second)
        case 1: lines.remove(at: first)
        default: lines.insert(lines[second], at: first)
        }
        bytes = Array(lines.joined(separator: [0x0A]))
    }

    /// Brackets, braces or dashes, some to thousands deep, closed again or not.
    private func nest(_ bytes: inout [UInt8], at place: Int, _ random: inout CaseGenerator) {
        let (open, close) = random.pick([
            ("[", "]"), ("{\"a\":", "}"), ("{a: ", "}"), ("- ", ""), ("(", "t"), ("? ", ""),
        ])
        let depth = 1 << random.below(13)
        let inside = String(repeating: open, count: depth) + "1"
        let outside = random.below(2) == 0 ? String(repeating: close, count: depth) : ""
        bytes.insert(contentsOf: Array((inside + outside).utf8), at: place)
    }

    private static let numbers: [[UInt8]] = [
        "0", "1", "2", "3", "-1", "-0", "007", "+1", "0.5", "1.5", "255", "65536", "2147483648", "4294967296",
        "1152921504606846976", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
        "18446744073709551615", "18446744073709551616", "1e18", "1e19", "1e308", "1e999", "-1e999", "1e-999", "NaN",
        "Infinity", "null", "\"1\"", "[1]", String(repeating: "9", count: 400),
    ].map { Array($0.utf8) }

    /// Broken UTF-8, characters that are more than they seem, and what breaks quoting.
    private static let troublesome: [[UInt8]] = [
        [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xEF, 0xBB, 0xBF], [0xE2, 0x80, 0xA8],
        [0xFF, 0xFE],
        [0x00], [0x1B, 0x5B, 0x32, 0x4A], [0x0D, 0x0A], [0x0A, 0x0A], [0x22], [0x5C], Array("\\u0000".utf8),
        Array("\\ud800".utf8), Array("../../etc/passwd".utf8), Array("/".utf8), Array("\u{202E}e\u{301}\u{FDFA}".utf8),
    ]
}
