import Foundation
import LinearAlgebra
import Testing

@Suite struct PhiloxTests {
    /// The known answers that come with the authors' Random123 library for philox4x32 with 10 rounds: counter, key, words.
    @Test(
        arguments: [
            ([0, 0, 0, 0], 0, [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
            (
                [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], 0xFFFF_FFFF_FFFF_FFFF,
                [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
            ),
            (
                [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], 0x299F_31D0_A409_3822,
                [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
            ),
        ] as [([UInt32], UInt64, [UInt32])])
    func knownAnswers(counter: [UInt32], key: UInt64, words: [UInt32]) {
        let own = Philox(key: key).words(counter[0], counter[1], counter[2], counter[3])
        #expect([own.0, own.1, own.2, own.3] == words)
    }

    @Test func vectorFormEqualsTheScalarForm() {
        var random = TestRandom(seed: 1)
        for _ in 0..<200 {
            let generator = Philox(key: random.next())
            var counters = (0..<4).map { _ in SIMD8<UInt64>(repeating: 0) }
            for word in 0..<4 {
                // Bits above the low 32 do not count.
                for lane in 0..<8 { counters[word][lane] = random.next() }
            }
            let block = generator.block(counters[0], counters[1], counters[2], counters[3])
            for lane in 0..<8 {
                let low = counters.map { UInt32(truncatingIfNeeded: $0[lane]) }
                let words = generator.words(low[0], low[1], low[2], low[3])
                #expect(block.0[lane] == UInt64(words.0) && block.1[lane] == UInt64(words.1))
                #expect(block.2[lane] == UInt64(words.2) && block.3[lane] == UInt64(words.3))
            }
        }
    }

    @Test func normalVariatesHaveTheirMoments() {
        let count = 200_000
        let buffer = FloatBuffer(count: count)
        Philox(key: 7).fillNormal(buffer.view, stream: 0, deviation: 0.02)
        let values = buffer.view.array.map { Double($0) / 0.02 }
        func moment(_ power: Double) -> Double { values.reduce(0) { $0 + pow($1, power) } / Double(count) }
        let root = Double(count).squareRoot()
        #expect(abs(moment(1)) < 5 / root)
        #expect(abs(moment(2) - 1) < 5 * 2.0.squareRoot() / root)
        #expect(abs(moment(3)) < 5 * 15.0.squareRoot() / root)
        #expect(abs(moment(4) - 3) < 5 * 96.0.squareRoot() / root)
        let pairs = zip(values, values.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / Double(count)
        #expect(abs(pairs) < 5 / root)
        let within = values.count { abs($0) < 1 }
        #expect(abs(Double(within) / Double(count) - 0.682_689_5) < 5 * 0.4655 / root)
    }

    /// An element depends on its place, the key and the stream alone; nothing behind a vector is written.
    @Test(arguments: [0, 1, 2, 3, 4, 5, 7, 17, 100]) func normalVariatesOfAnyCount(count: Int) {
        let memory = GuardedMemory()
        func values(_ count: Int, key: UInt64 = 7, stream: UInt32 = 3) -> [UInt32] {
            let vector = memory.vector(count)
            Philox(key: key).fillNormal(vector, stream: stream, deviation: 1)
            return vector.bits
        }
        #expect(values(count) == Array(values(128).prefix(count)))
        #expect(count == 0 || values(count, key: 8) != values(count))
        #expect(count == 0 || values(count, stream: 4) != values(count))
        #expect(memory.isIntact)
    }

    @Test func mixedKeysDiffer() {
        var keys = Set<UInt64>()
        for seed in 0..<40 as Range<UInt64> {
            for step in 0..<40 as Range<UInt64> { keys.insert(mixedKey(seed, step)) }
        }
        #expect(keys.count == 1600)
        #expect(mixedKey(1, 2) != mixedKey(2, 1))
        #expect(mixedKey(1) != mixedKey(1, 0))
        // Half of the bits change with any one bit of a part.
        let changed = (0..<64).map { (mixedKey(42, 5) ^ mixedKey(42, 5 ^ (1 << $0))).nonzeroBitCount }
        #expect(abs(Double(changed.reduce(0, +)) - 2048) < 5 * 1024.0.squareRoot())
    }
}
