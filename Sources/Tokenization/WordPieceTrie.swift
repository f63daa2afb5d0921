/// All tokens as a double-array trie over bytes: one load and one comparison for each byte of a word.
///
/// A node's children lie at `base ^ byte`. A cell is one number: bits 0–27 the base of its own children, bits 28–54 its
/// token's id + 1 (0: no token ends here), bits 55–63 the byte that leads to it + 1 (0: the cell is free). Every node
/// with children has a base of its own, so the byte alone tells whose child a cell is. Cells 0–255 stay free and serve
/// as the children of nodes that have none.
///
/// Source: J. Aoe, "An efficient digital search algorithm by using a double-array structure", 1989; XOR addressing and
/// bases for checks as in S. Yata's darts-clone.
struct WordPieceTrie: Sendable {
    static let noChildren: UInt32 = 0
    static let baseMask: UInt64 = 1 << 28 - 1
    static let idMask: UInt64 = 1 << 27 - 1

    private let cells: FlatTable<UInt64>
    let root: UInt32

    /// Sorted tokens, none of them empty or twice there, with the ids they stand for.
    init(sorted tokens: [(bytes: ArraySlice<UInt8>, id: Int32)]) throws {
        var builder = WordPieceTrieBuilder()
        root = try builder.build(tokens)
        cells = FlatTable(builder.cells)
    }

    /// The cell that `byte` leads to from a node, 0 where it leads nowhere.
    @inline(__always)
    func child(of base: UInt32, _ byte: UInt8) -> UInt64 {
        let cell = cells.values[Int(base ^ UInt32(byte))]
        return cell >> 55 == UInt64(byte) + 1 ? cell : 0
    }

    @inline(__always)
    static func base(_ cell: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: cell & baseMask) }

    /// The id of the token that ends in a cell, -1 where none does.
    @inline(__always)
    static func id(_ cell: UInt64) -> Int32 { Int32(truncatingIfNeeded: cell >> 28 & idMask) - 1 }

    /// The base of the node that `prefix` leads to.
    func node(at prefix: some Sequence<UInt8>) -> UInt32 {
        var base = root
        for byte in prefix {
            let cell = child(of: base, byte)
            if cell == 0 { return Self.noChildren }
            base = Self.base(cell)
        }
        return base
    }

    /// The longest token that begins `bytes` below the node `base`: its id (-1: none) and the offset behind it.
    @inline(__always)
    func longestMatch(
        from base: UInt32, in bytes: UnsafeBufferPointer<UInt8>, at start: Int, end: Int
    ) -> (id: Int32, end: Int) {
        var base = base
        var position = start
        var match: (id: Int32, end: Int) = (-1, start)
        while position < end {
            let cell = child(of: base, bytes[position])
            if cell == 0 { break }
            position += 1
            let id = Self.id(cell)
            if id >= 0 { match = (id, position) }
            base = Self.base(cell)
        }
        return match
    }
}
