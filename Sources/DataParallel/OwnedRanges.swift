/// Which parts of the flat buffer each rank sums and updates: whole blocks, as even as blocks allow.
///
/// The buffer has two sections: a table at its start whose gradient is mostly zeros, and the rest. Each is divided by itself,
/// so that every rank has its share of the sums as well as of the updates.
public struct OwnedRanges: Sendable, Equatable {
    public let count: Int
    public let blockSize: Int
    public let worldSize: Int
    /// The block that the second section begins with.
    private let cut: Int

    /// - Parameter tableCount: elements of the table at the start.
    public init(count: Int, blockSize: Int, worldSize: Int, tableCount: Int = 0) {
        self.count = count
        self.blockSize = blockSize
        self.worldSize = worldSize
        cut = tableCount / blockSize
    }

    public var blockCount: Int { (count + blockSize - 1) / blockSize }

    /// The blocks that a rank owns, ascending.
    func blocks(of rank: Int) -> [Range<Int>] {
        [0..<cut, cut..<blockCount].map { section in
            let start = section.lowerBound
            return start + rank * section.count / worldSize..<start + (rank + 1) * section.count / worldSize
        }.filter { !$0.isEmpty }
    }

    /// The elements that a rank owns, ascending.
    public func ranges(of rank: Int) -> [Range<Int>] {
        blocks(of: rank).map(elements(ofBlocks:))
    }

    /// The elements of consecutive blocks.
    func elements(ofBlocks blocks: Range<Int>) -> Range<Int> {
        min(blocks.lowerBound * blockSize, count)..<min(blocks.upperBound * blockSize, count)
    }

    /// The most blocks that a rank owns.
    public var largestBlockCount: Int {
        (0..<worldSize).map { blocks(of: $0).reduce(0) { $0 + $1.count } }.max() ?? 0
    }

    /// Puts values of blocks in the order of the blocks.
    ///
    /// - Parameters:
    ///   - values: for each rank those of its blocks, ascending; more may follow.
    ///   - width: how many values each block has.
    public func inBlockOrder(_ values: [ArraySlice<Double>], width: Int = 1) -> [Double] {
        var ordered = [Double](repeating: 0, count: blockCount * width)
        for (rank, own) in values.enumerated() {
            var place = own.startIndex
            for range in blocks(of: rank) {
                let count = range.count * width
                ordered.replaceSubrange(
                    range.lowerBound * width..<range.upperBound * width, with: own[place..<place + count])
                place += count
            }
        }
        return ordered
    }
}
