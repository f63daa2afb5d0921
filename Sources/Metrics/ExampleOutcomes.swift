import Foundation

/// Which examples of a set were predicted right: a bit each, in the order of the set's usable rows.
///
/// Two models that were scored on the same set are compared example by example, which says more than their scores do.
public struct ExampleOutcomes: Sendable, Equatable {
    public let count: Int
    /// [⌈count / 64⌉]: bit `i % 64` of word `i / 64` is example `i`; bits behind the last example are 0.
    private var words: [UInt64]

    /// All wrong.
    public init(count: Int) {
        precondition(count >= 0, "\(count) examples")
        self.count = count
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
    }

    public init(_ isCorrect: [Bool]) {
        self.init(count: isCorrect.count)
        for (position, isCorrect) in isCorrect.enumerated() where isCorrect { markCorrect(position) }
    }

    /// Whether the example at a position in `0..<count` was predicted right.
    public subscript(position: Int) -> Bool {
        precondition(0..<count ~= position, "example \(position) of \(count)")
        return words[position / 64] >> UInt64(position % 64) & 1 == 1
    }

    public mutating func markCorrect(_ position: Int) {
        precondition(0..<count ~= position, "example \(position) of \(count)")
        words[position / 64] |= 1 << UInt64(position % 64)
    }

    public var correct: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The part that was predicted right; 0 without examples.
    public var accuracy: Double { count == 0 ? 0 : Double(correct) / Double(count) }

    /// The bits as integers: those of parts of a set that have no example in common add up to those of the whole, so that
    /// ranks may sum them.
    public var summands: [Int64] {
        get { words.map { Int64(bitPattern: $0) } }
        set {
            precondition(newValue.count == words.count, "\(newValue.count) words of \(words.count)")
            words = newValue.map { UInt64(bitPattern: $0) }
        }
    }
}

/// `{"count": 3, "correct": "BQ=="}`: the bits as bytes, the lowest first, in Base64.
extension ExampleOutcomes: Codable {
    private enum Key: String, CodingKey {
        case count, correct
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let count = try container.decode(Int.self, forKey: .count)
        let text = try container.decode(String.self, forKey: .correct)
        let data = Data(base64Encoded: text)
        guard let data, count >= 0, data.count == (count + 7) / 8,
            count % 8 == 0 || data.last.map({ $0 >> UInt8(count % 8) == 0 }) ?? true
        else {
            throw DecodingError.dataCorruptedError(
                forKey: .correct, in: container, debugDescription: "not the bits of \(count) examples")
        }
        self.init(count: count)
        for (place, byte) in data.enumerated() { words[place / 8] |= UInt64(byte) << UInt64(8 * (place % 8)) }
    }

    public func encode(to encoder: any Encoder) throws {
        let bytes = (0..<(count + 7) / 8).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(8 * ($0 % 8))) }
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(count, forKey: .count)
        try container.encode(Data(bytes).base64EncodedString(), forKey: .correct)
    }
}
