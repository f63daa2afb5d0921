import DataParallel
import Testing

@Suite struct OwnedRangesTests {
    @Test(arguments: [0, 1, 63, 64, 65, 1000, 12_345], [1, 2, 3, 4, 7, 8, 16, 64])
    func coverEverythingOnce(count: Int, worldSize: Int) {
        for tableCount in [0, count / 3, count] {
            let ranges = OwnedRanges(count: count, blockSize: 64, worldSize: worldSize, tableCount: tableCount)
            let all = (0..<worldSize).flatMap { ranges.ranges(of: $0) }.sorted { $0.lowerBound < $1.lowerBound }
            var next = 0
            for range in all {
                #expect(range.lowerBound == next && !range.isEmpty && next % 64 == 0)
                next = range.upperBound
            }
            #expect(next == count)
            for rank in 0..<worldSize {
                // As even as whole blocks allow, in the table and in the rest.
                let parts = ranges.ranges(of: rank)
                #expect(parts.count <= 2)
                #expect(parts.allSatisfy { $0.count <= (count / 64 / worldSize + 1) * 64 })
                #expect(ranges.ranges(of: rank).reduce(0) { $0 + $1.count } <= ranges.largestBlockCount * 64)
                let table = parts.reduce(0) { $0 + $1.clamped(to: 0..<tableCount / 64 * 64).count }
                #expect(abs(table - tableCount / worldSize) <= 64)
            }
        }
    }

    @Test(arguments: [1, 2, 3, 8], [0, 200, 1000]) func valuesComeInBlockOrder(worldSize: Int, tableCount: Int) {
        let ranges = OwnedRanges(count: 1000, blockSize: 64, worldSize: worldSize, tableCount: tableCount)
        let values = (0..<worldSize).map { rank in
            (ranges.ranges(of: rank).flatMap { stride(from: $0.lowerBound, to: $0.upperBound, by: 64) } + [-1, -1])
                .map(Double.init)[...]
        }
        #expect(ranges.inBlockOrder(values) == Array(stride(from: 0, to: 1000, by: 64)))
    }
}
