import Foundation
import TaskData
import Testing

@Suite struct ApportionmentTests {
    /// The first slots, found one at a time with fractions compared exactly.
    private func sequence(_ shares: [Int], _ slots: Int) -> [[Int]] {
        var counts = shares.map { _ in 0 }
        return (0..<slots).map { _ in
            let next = shares.indices.filter { shares[$0] > 0 }
                .min { (2 * counts[$0] + 1) * shares[$1] < (2 * counts[$1] + 1) * shares[$0] }
            counts[next!] += 1
            return counts
        }
    }

    @Test(arguments: 0..<40) func agreesWithTheSlotsInOrderOfTime(number: Int) {
        var generator = SeededGenerator(key: [UInt64(number), 1])
        let largest = [2, 9, 1_000][generator.next(below: 3)]
        var shares = (0...generator.next(below: 9)).map { _ in generator.next(below: largest) }
        shares[0] += 1
        let apportionment = Apportionment(shares: shares)
        #expect(apportionment.counts(after: 0).allSatisfy { $0 == 0 })
        for (slot, counts) in sequence(shares, 300).enumerated() {
            #expect(apportionment.counts(after: slot + 1) == counts)
        }
    }

    @Test(arguments: 0..<40) func isMonotoneAndExactAtAnySize(number: Int) {
        var generator = SeededGenerator(key: [UInt64(number), 2])
        let shares = (0...generator.next(below: 15)).map { _ in 1 + generator.next(below: 1 << 40) }
        let total = shares.reduce(0, +)
        let apportionment = Apportionment(shares: shares)
        #expect(apportionment.counts(after: total) == shares)
        #expect(apportionment.counts(after: 3 * total) == shares.map { 3 * $0 })
        for _ in 0..<50 {
            let slots = generator.next(below: 1 << 50)
            let counts = apportionment.counts(after: slots)
            let next = apportionment.counts(after: slots + 1)
            #expect(counts.reduce(0, +) == slots)
            #expect(next.reduce(0, +) == slots + 1)
            #expect(zip(counts, next).allSatisfy { $0 <= $1 })
        }
    }
}

@Suite struct TemperatureSamplingTests {
    private func share(_ sizes: [Int], _ temperature: Double) throws -> [Double] {
        let slots = 1_000_000
        return try TemperatureSampling(temperature: temperature).cumulativeCounts(after: slots, taskSizes: sizes)
            .map { Double($0) / Double(slots) }
    }

    @Test func temperatureOneIsProportional() throws {
        let sizes = [67_349, 3_011, 12, 1]
        for slots in [1, 77, 70_373, 1_000_000] {
            #expect(
                try TemperatureSampling(temperature: 1).cumulativeCounts(after: slots, taskSizes: sizes)
                    == ProportionalSampling().cumulativeCounts(after: slots, taskSizes: sizes))
        }
    }

    @Test func sharesArePowersOfTheSizes() throws {
        let half = try share([10_000, 100, 1], 2)
        #expect(abs(half[0] - 100 / 111) < 2e-6 && abs(half[1] - 10 / 111) < 2e-6)
        let fifth = try share([100_000, 1], 5)
        #expect(abs(fifth[0] - 10 / 11) < 2e-6)
        let even = try share([100_000, 1], 1e9)
        #expect(abs(even[0] - 0.5) < 2e-6)
    }

    @Test func refusesATemperatureBelowOne() {
        for temperature in [0.5, 0, -1, .nan, .infinity] {
            #expect(throws: StepPlanError.self) { try TemperatureSampling(temperature: temperature) }
        }
    }
}

@Suite struct UniformSamplingTests {
    @Test func everyTaskIsDrawnAsOften() {
        let counts = UniformSampling().cumulativeCounts(after: 3_000, taskSizes: [9, 70_000, 1])
        #expect(counts == [1_000, 1_000, 1_000])
        #expect(UniformSampling().cumulativeCounts(after: 4, taskSizes: [9, 70_000, 1]).reduce(0, +) == 4)
    }
}

@Suite struct AnnealedSamplingTests {
    private let sizes = [10_000, 100, 1]

    /// The examples of each task in one epoch, as parts of all.
    private func parts(_ sampling: AnnealedSampling, epoch: Int) -> [Double] {
        let slots = sampling.slotsPerEpoch
        let before = sampling.cumulativeCounts(after: epoch * slots, taskSizes: sizes)
        let after = sampling.cumulativeCounts(after: (epoch + 1) * slots, taskSizes: sizes)
        return zip(after, before).map { Double($0 - $1) / Double(slots) }
    }

    @Test func goesFromSizesToTheirPowerOfOneFifth() {
        let sampling = AnnealedSampling(epochs: 5, slotsPerEpoch: 10_101_000)
        for (epoch, exponent) in [1, 0.8, 0.6, 0.4, 0.2].enumerated() {
            let powers = sizes.map { pow(Double($0), exponent) }
            for (part, power) in zip(parts(sampling, epoch: epoch), powers) {
                #expect(abs(part - power / powers.reduce(0, +)) < 2e-6)
            }
        }
        for (later, last) in zip(parts(sampling, epoch: 7), parts(sampling, epoch: 4)) {
            #expect(abs(later - last) < 1e-6)
        }
    }

    @Test func oneEpochIsProportional() {
        let sampling = AnnealedSampling(epochs: 1, slotsPerEpoch: 10_101)
        #expect(sampling.cumulativeCounts(after: 10_101, taskSizes: sizes) == sizes)
        #expect(sampling.cumulativeCounts(after: 20_202, taskSizes: sizes) == sizes.map { 2 * $0 })
    }

    @Test func countsNeverFallAndSumToTheSlots() {
        let sampling = AnnealedSampling(epochs: 4, slotsPerEpoch: 333)
        var last = [0, 0, 0]
        for slots in 0...1_500 {
            let counts = sampling.cumulativeCounts(after: slots, taskSizes: sizes)
            #expect(counts.reduce(0, +) == slots)
            #expect(zip(last, counts).allSatisfy { $0 <= $1 })
            last = counts
        }
    }
}

@Suite struct CappedSamplingTests {
    @Test func aTaskIsTakenForNoLargerThanItsCap() {
        let capped = CappedSampling(ProportionalSampling(), caps: [300, nil, 5])
        #expect(capped.cumulativeCounts(after: 401, taskSizes: [70_000, 100, 1]) == [300, 100, 1])
        let tempered = CappedSampling(AnnealedSampling(epochs: 1, slotsPerEpoch: 10), caps: [2, nil, nil])
        #expect(tempered.cumulativeCounts(after: 4, taskSizes: [1_000, 1, 1]) == [2, 1, 1])
    }
}

@Suite struct SeededOrderTests {
    @Test(arguments: [1, 2, 3, 5, 64, 1_000]) func isAPermutation(count: Int) {
        for key in 0..<20 {
            let order = SeededPermutation(count: count, key: [UInt64(key)])
            #expect((0..<count).map { order[$0] }.sorted() == Array(0..<count))
        }
    }

    /// 24 orders of 4 places over 24,000 keys: χ² with 23 degrees of freedom is below 50 but for 1 key set in 1,000.
    @Test func everyOrderIsAsLikely() {
        var counts: [[Int]: Int] = [:]
        for key in 0..<24_000 {
            let order = SeededPermutation(count: 4, key: [UInt64(key), 99])
            counts[(0..<4).map { order[$0] }, default: 0] += 1
        }
        let chiSquare = counts.values.map { Double(($0 - 1_000) * ($0 - 1_000)) / 1_000 }.reduce(0, +)
        #expect(counts.count == 24)
        #expect(chiSquare < 50)
    }

    /// Neighbours in the order are not neighbours in the file: the rank correlation of 2,000 places is near 0.
    @Test func leavesNoTraceOfTheFileOrder() {
        let count = 2_000
        let order = SeededPermutation(count: count, key: [5])
        let mean = Double(count - 1) / 2
        let covariance = (0..<count).map { (Double($0) - mean) * (Double(order[$0]) - mean) }.reduce(0, +)
        let variance = (0..<count).map { (Double($0) - mean) * (Double($0) - mean) }.reduce(0, +)
        #expect(abs(covariance / variance) < 0.07)
    }

    @Test func boundedDrawsAreEven() {
        var generator = SeededGenerator(key: [1])
        var counts = [Int](repeating: 0, count: 3)
        for _ in 0..<30_000 { counts[generator.next(below: 3)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 400 })
    }

    @Test func aStreamDependsOnItsWholeKey() {
        var generator = SeededGenerator(key: [1, 2, 3])
        let first = (0..<2).map { _ in generator.next() }
        var again = SeededGenerator(key: [1, 2, 3])
        #expect(first == (0..<2).map { _ in again.next() })
        var other = SeededGenerator(key: [1, 3, 2])
        #expect(first[0] != other.next())
    }
}

@Suite struct ShardLayoutTests {
    @Test func listsValidRankCounts() throws {
        #expect(try ShardLayout(shardCount: 8).validRankCounts == [1, 2, 4, 8])
        #expect(try ShardLayout(shardCount: 12).validRankCounts == [1, 3, 6, 12])
        #expect(try ShardLayout(shardCount: 7).validRankCounts == [1, 7])
        #expect(try ShardLayout(shardCount: 1).validRankCounts == [1])
    }

    @Test func automaticallyTakesTheFewestFromEightOn() throws {
        let expected = [1: 8, 2: 8, 3: 12, 4: 8, 5: 10, 6: 12, 7: 14, 8: 8, 9: 9, 12: 12, 16: 16, 64: 64]
        for (ranks, shards) in expected {
            let layout = try ShardLayout(automaticFor: ranks)
            #expect(layout.shardCount == shards)
            #expect(layout.validRankCounts.contains(ranks))
        }
    }

    @Test func ranksOwnConsecutiveShards() throws {
        let layout = try ShardLayout(shardCount: 12)
        for ranks in layout.validRankCounts {
            let owned = try (0..<ranks).flatMap { Array(try layout.shards(ofRank: $0, of: ranks)) }
            #expect(owned == Array(0..<12))
        }
        #expect(try layout.shards(ofRank: 1, of: 3) == 4..<8)
    }

    @Test func refusesOtherRankCounts() throws {
        #expect {
            try ShardLayout(shardCount: 8).shards(ofRank: 0, of: 3)
        } throws: {
            "\($0)" == "3 ranks cannot share 8 shards evenly; valid numbers of ranks are 1, 2, 4, 8, or set "
                + "batch.shards to 12"
        }
        #expect(throws: StepPlanError.self) { try ShardLayout(shardCount: 0) }
    }
}
