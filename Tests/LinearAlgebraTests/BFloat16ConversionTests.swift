import LinearAlgebra
import Testing

@Suite struct BFloat16ConversionTests {
    /// Bit patterns of single-precision numbers, and what they become.
    private static let cases: [(bits: UInt32, half: UInt16)] = [
        (0x0000_0000, 0x0000), (0x8000_0000, 0x8000),
        (0x3F80_0000, 0x3F80), (0xBF80_0000, 0xBF80),
        // Ties, to the even neighbour below and above, and one unit beside them.
        (0x3F80_8000, 0x3F80), (0x3F80_7FFF, 0x3F80), (0x3F80_8001, 0x3F81),
        (0x3F81_8000, 0x3F82), (0x3F81_7FFF, 0x3F81), (0x3F81_8001, 0x3F82), (0xBF81_8000, 0xBF82),
        // A carry into the exponent, and one beyond the largest number.
        (0x3FFF_FFFF, 0x4000), (0x7F7F_0000, 0x7F7F), (0x7F7F_7FFF, 0x7F7F), (0x7F7F_8000, 0x7F80),
        (0x7F7F_FFFF, 0x7F80), (0xFF7F_FFFF, 0xFF80),
        (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80),
        // Not numbers: quiet ones, and signalling ones whose lower or upper half alone says so.
        (0x7FC0_0000, 0x7FC0), (0xFFC1_2345, 0xFFC1), (0x7F80_0001, 0x7FC0), (0xFF80_8000, 0xFFC0),
        (0x7FFF_FFFF, 0x7FFF), (0xFFFF_FFFF, 0xFFFF), (0x7FA0_0000, 0x7FE0),
        // Subnormal numbers: the smallest, ties, and the largest, which becomes normal.
        (0x0000_0001, 0x0000), (0x8000_0001, 0x8000), (0x0000_8000, 0x0000), (0x0000_8001, 0x0001),
        (0x0001_8000, 0x0002), (0x0040_0000, 0x0040), (0x007F_FFFF, 0x0080), (0x807F_FFFF, 0x8080),
    ]

    /// Each case in every place of a row: full pieces of 16 lanes, and what is left behind them.
    @Test(arguments: [1, 15, 16, 17, 33])
    func roundsToTheNearestAndTiesToEven(columns: Int) {
        let memory = GuardedMemory(gap: 3)
        let source = memory.matrix(Self.cases.count, columns)
        for (row, one) in Self.cases.enumerated() {
            source.row(row).fill(Float(bitPattern: one.bits))
        }
        let target = memory.bfloat16Matrix(Self.cases.count, columns, gap: 5)
        convert(source, into: target)
        for (row, one) in Self.cases.enumerated() {
            for column in 0..<columns {
                #expect(target[row, column] == one.half, "\(one) in column \(column)")
            }
        }
        #expect(memory.isIntact && target.gapsAreUntouched)
    }

    /// Against rounding by hardware-independent arithmetic, over numbers of all sizes.
    @Test func nearestOfTheTwoNeighbours() {
        var random = TestRandom(seed: 5)
        let memory = GuardedMemory()
        let source = memory.matrix(40, 50)
        for index in 0..<2000 {
            source.base[index] = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
        }
        let target = memory.bfloat16Matrix(40, 50)
        convert(source, into: target)
        for index in 0..<2000 where source.base[index].isFinite {
            let value = source.base[index]
            let below = value.bitPattern >> 16
            let halves = [below, below + 1].map { Double(Float(bitPattern: $0 << 16)) }
            // The neighbour of the largest number is taken for what it would be with one more exponent.
            let upper = halves[1].isFinite ? halves[1] : (value < 0 ? -0x1p128 : 0x1p128)
            let (down, up) = (abs(Double(value) - halves[0]), abs(upper - Double(value)))
            let expected = down < up || down == up && below % 2 == 0 ? below : below + 1
            #expect(UInt32(target.base[index]) == expected, "\(value)")
        }
    }

    @Test func nothing() {
        let memory = GuardedMemory()
        convert(memory.matrix(0, 7), into: memory.bfloat16Matrix(0, 7))
        convert(memory.matrix(7, 0), into: memory.bfloat16Matrix(7, 0))
        #expect(memory.isIntact)
    }
}
