import DataParallel
import Testing

@Suite struct OwnedRangesTests {
    @Test(arguments: [0, 1, 63, 64, 65, 1000, 12_345], [1, 2, 3, 4, 7, 8, 16, 64])
    func coverEverythingOnce(count: Int, worldSize: Int) {
        let ranges = OwnedRanges(count: count, blockSize: 64, worldSize: worldSize)
        var next = 0
        var nextBlock = 0
        for rank in 0..<worldSize {
            let (range, blocks) = (ranges.range(of: rank), ranges.blocks(of: rank))
            #expect(range.lowerBound == next || range.isEmpty)
            #expect(blocks.lowerBound == nextBlock)
            #expect(range.isEmpty || range.lowerBound == blocks.lowerBound * 64)
            #expect(range.upperBound == min(blocks.upperBound * 64, count))
            // As even as whole blocks allow.
            #expect(blocks.count == ranges.blockCount / worldSize || blocks.count == ranges.blockCount / worldSize + 1)
            (next, nextBlock) = (max(next, range.upperBound), blocks.upperBound)
        }
        #expect(next == count)
        #expect(nextBlock == ranges.blockCount)
    }
}
