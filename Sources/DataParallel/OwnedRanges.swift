/// Which part of the flat buffer each rank sums and updates: consecutive ranges of whole blocks, as even as blocks allow.
public struct OwnedRanges: Sendable, Equatable {
    public let count: Int
    public let blockSize: Int
    public let worldSize: Int

    public init(count: Int, blockSize: Int, worldSize: Int) {
        self.count = count
        self.blockSize = blockSize
        self.worldSize = worldSize
    }

    public var blockCount: Int { (count + blockSize - 1) / blockSize }

    /// The blocks that a rank owns.
    public func blocks(of rank: Int) -> Range<Int> {
        rank * blockCount / worldSize..<(rank + 1) * blockCount / worldSize
    }

    /// The elements that a rank owns.
    public func range(of rank: Int) -> Range<Int> {
        let blocks = blocks(of: rank)
        return min(blocks.lowerBound * blockSize, count)..<min(blocks.upperBound * blockSize, count)
    }
}
