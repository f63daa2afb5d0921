/// The tokens of a model, each with its id: its position from 0.
///
/// Tokens are bytes, and equal only where their bytes are: a vocabulary may hold both a composed and a decomposed é,
/// which Swift strings cannot tell apart. An empty token takes up an id and matches nothing.
public struct Vocabulary: Sendable {
    /// The file that the tokens were read from.
    public let file: String?
    /// The UTF-8 of all tokens one after the other; token `id` is `bytes[offsets[id]..<offsets[id + 1]]`.
    let bytes: [UInt8]
    let offsets: [Int]
    /// The ids of the tokens that are not empty, ordered by their bytes.
    let sortedIDs: [Int32]

    /// Ids above this are refused: no BERT has so many, and each costs memory in every model that uses them.
    static let highestID = 1 << 22

    public var count: Int { offsets.count - 1 }

    /// All tokens in the order of their ids.
    public var tokens: [String] {
        (0..<count).map { String(decoding: bytes[offsets[$0]..<offsets[$0 + 1]], as: UTF8.self) }
    }

    /// A vocabulary of tokens in memory. Throws where there are none, or one stands there twice.
    public init(tokens: [String]) throws {
        var bytes: [UInt8] = []
        var offsets = [0]
        for token in tokens {
            bytes += token.utf8
            offsets.append(bytes.count)
        }
        try self.init(bytes: bytes, offsets: offsets, file: nil) { id in "token \(id)" }
    }

    /// `place` says where the token with an id was found, for the message about a duplicate.
    init(
        bytes: [UInt8], offsets: [Int], file: String?, line: (Int) -> Int? = { _ in nil }, place: (Int) -> String
    ) throws {
        self.bytes = bytes
        self.offsets = offsets
        self.file = file
        guard offsets.count > 1, !bytes.isEmpty else {
            throw TokenizerError("the vocabulary is empty: it needs one token a line", file: file)
        }
        guard offsets.count - 1 <= Self.highestID else {
            throw TokenizerError("\(offsets.count - 1) tokens are more than the \(Self.highestID) allowed", file: file)
        }
        sortedIDs = Self.sorted(bytes, offsets)
        for (first, second) in zip(sortedIDs, sortedIDs.dropFirst()) where Self.equal(bytes, offsets, first, second) {
            let token = String(decoding: bytes[offsets[Int(first)]..<offsets[Int(first) + 1]], as: UTF8.self)
            throw TokenizerError(
                "token \"\(token)\" stands twice, first as \(place(Int(first))): every token needs an id of its own",
                file: file, line: line(Int(second)))
        }
    }

    /// The id of a token.
    public func id(of token: String) -> Int32? {
        let wanted = Array(token.utf8)
        guard !wanted.isEmpty else { return nil }
        var low = 0
        var high = sortedIDs.count
        while low < high {
            let middle = (low + high) / 2
            if self[sortedIDs[middle]].lexicographicallyPrecedes(wanted) { low = middle + 1 } else { high = middle }
        }
        return low < sortedIDs.count && self[sortedIDs[low]].elementsEqual(wanted) ? sortedIDs[low] : nil
    }

    /// The bytes of a token.
    subscript(id: Int32) -> ArraySlice<UInt8> { bytes[offsets[Int(id)]..<offsets[Int(id) + 1]] }

    private static func equal(_ bytes: [UInt8], _ offsets: [Int], _ first: Int32, _ second: Int32) -> Bool {
        bytes[offsets[Int(first)]..<offsets[Int(first) + 1]]
            .elementsEqual(bytes[offsets[Int(second)]..<offsets[Int(second) + 1]])
    }

    /// Sorts by the first eight bytes as one number; only what agrees there is compared byte by byte.
    private static func sorted(_ bytes: [UInt8], _ offsets: [Int]) -> [Int32] {
        var keyed: [(prefix: UInt64, id: Int32)] = []
        keyed.reserveCapacity(offsets.count)
        for id in 0..<(offsets.count - 1) where offsets[id + 1] > offsets[id] {
            var prefix: UInt64 = 0
            for position in offsets[id]..<(offsets[id] + 8) {
                prefix = prefix << 8 | (position < offsets[id + 1] ? UInt64(bytes[position]) : 0)
            }
            keyed.append((prefix, Int32(id)))
        }
        keyed.sort { first, second in
            if first.prefix != second.prefix { return first.prefix < second.prefix }
            let left = bytes[offsets[Int(first.id)]..<offsets[Int(first.id) + 1]]
            let right = bytes[offsets[Int(second.id)]..<offsets[Int(second.id) + 1]]
            if left.lexicographicallyPrecedes(right) { return true }
            return right.lexicographicallyPrecedes(left) ? false : first.id < second.id
        }
        return keyed.map(\.id)
    }
}
