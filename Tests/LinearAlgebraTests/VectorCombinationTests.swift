import Foundation
import LinearAlgebra
import Testing

@Suite struct VectorCombinationTests {
    private static func vectors(_ count: Int, of size: Int) -> [FloatBuffer] {
        (0..<count).map { index in
            let buffer = FloatBuffer(count: size)
            Philox(key: UInt64(index)).fillNormal(buffer.view, stream: 0, deviation: 1)
            return buffer
        }
    }

    @Test(arguments: [1, 2, 3, 5, 8], [0, 1, 15, 16, 17, 1000]) func dotProductsOfAllPairs(count: Int, size: Int) {
        let buffers = Self.vectors(count, of: size)
        let vectors = buffers.map(\.view)
        let range = size / 3..<size - size / 5
        var sums = [Double](repeating: 1, count: 2 + count * (count + 1) / 2)
        addDotProducts(vectors, in: range, to: &sums[1..<sums.count - 1])
        var expected = [1.0]
        for row in 0..<count {
            #expect(dotProduct(vectors[row], vectors[row]) == sumOfSquares(vectors[row]))
            for column in row..<count {
                let own = dotProduct(vectors[row].slice(range), vectors[column].slice(range))
                let plain = range.reduce(0) { $0 + Double(vectors[row][$1]) * Double(vectors[column][$1]) }
                #expect(abs(own - plain) < 1e-10)
                expected.append(1 + own)
            }
        }
        #expect(sums == expected + [1])
        withExtendedLifetime(buffers) {}
    }

    @Test(arguments: [1, 2, 8], [0, 1, 16, 17, 1000]) func combinationsTouchTheirRangeOnly(count: Int, size: Int) {
        let buffers = Self.vectors(count, of: size)
        let factors = (0..<count).map { Float($0) - 1.5 }
        let target = FloatBuffer(count: size)
        target.view.fill(9)
        let range = size / 3..<size - size / 5
        combine(buffers.map(\.view), factors: factors, in: range, into: target.view)
        for place in 0..<size {
            let sum = zip(buffers, factors).dropFirst().reduce(buffers[0].view[place] * factors[0]) {
                $0 + $1.0.view[place] * $1.1
            }
            #expect(target.view[place] == (range.contains(place) ? sum : 9))
        }
        withExtendedLifetime((buffers, target)) {}
    }

    @Test func aPagedBufferIsZero() {
        for count in [0, 1, 5000, 3 << 20] {
            let buffer = PagedBuffer(count: count, sparseCount: count / 4)
            #expect(buffer.view.count == count && sumOfSquares(buffer.view) == 0)
            buffer.view.fill(1)
            #expect(sumOfSquares(buffer.view) == Double(count))
            withExtendedLifetime(buffer) {}
        }
    }

    /// The whole pages of a range are gone, and nothing else is.
    @Test(arguments: [3_000..<12_000, 1_024..<2_048, 1_025..<2_048, 5..<900, 7..<7])
    func pagesThatAreGivenBackAreGone(range: Range<Int>) {
        let (count, page) = (20_000, Int(sysconf(Int32(_SC_PAGESIZE))) / 4)
        let buffer = PagedBuffer(count: count, sparseCount: count)
        buffer.view.fill(1)
        buffer.view.slice(range).fill(0)
        buffer.giveBack(range)
        #expect((0..<count).allSatisfy { buffer.view[$0] == (range.contains($0) ? 0 : 1) })
        // Reading them has brought zeros back, which are given back once more, and are not looked at again.
        buffer.giveBack(range)
        var isThere = [UInt8](repeating: 0, count: (count + page - 1) / page)
        #expect(mincore(buffer.view.base, 4 * count, &isThere) == 0)
        for index in isThere.indices {
            let isGone = range.lowerBound <= index * page && (index + 1) * page <= range.upperBound
            #expect(isThere[index] & 1 == (isGone ? 0 : 1), "page \(index)")
        }
        withExtendedLifetime(buffer) {}
    }
}
