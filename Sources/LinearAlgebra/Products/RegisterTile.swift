/// A product of two panels whose result stays in registers: the inner loop of every large product.
///
/// A left panel holds 4, 8 or 12 rows of the left operand, a right panel 32 columns of the right one, both step by step along
/// the summed index: `left[k · rows + i]` and `right[k · 32 + j]`. With AVX-512 the 12 × 32 sums take 24 of the 32 registers, and
/// each step has 24 fused multiply-adds against 14 loads, so that the multipliers never wait.
///
/// Every element is the sum over the steps in their order, by itself: its bits depend on nothing but its row and its column.
package enum RegisterTile {
    /// Rows of a full left panel.
    package static let rows = 12
    /// Columns of a right panel.
    package static let columns = 32
    /// Left panels come in multiples of so many rows.
    static let rowQuantum = 4

    /// `target = Σ left[k, i] · right[k, j]`, or that added to what is there.
    ///
    /// - Parameters:
    ///   - depth: steps of the sum.
    ///   - left: a panel of `rows` rows: 4, 8 or 12.
    ///   - right: a panel of 32 columns.
    ///   - target: `rows` rows of 32 elements, `stride` elements apart.
    package static func multiply(
        depth: Int, left: UnsafeMutablePointer<Float>, rows: Int, right: UnsafeMutablePointer<Float>,
        into target: UnsafeMutablePointer<Float>, stride: Int, adds: Bool
    ) {
        switch hasWideRegisters ? rows : 0 {
        case 12: multiply12(depth, left, right, target, stride, adds)
        case 8: multiply8(depth, left, right, target, stride, adds)
        case 4: multiply4(depth, left, right, target, stride, adds)
        default: multiplyInParts(depth, left, rows, right, target, stride, adds)
        }
    }

    /// The same, bit by bit, in parts of four rows and 16 columns: eight registers of AVX2, sixteen of NEON.
    package static func multiplyInParts(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ rows: Int, _ right: UnsafeMutablePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        for row in Swift.stride(from: 0, to: rows, by: rowQuantum) {
            for column in Swift.stride(from: 0, to: columns, by: laneCount) {
                multiplyPart(
                    depth, left + row, leftStep: rows, right + column, target + row * stride + column, stride, adds)
            }
        }
    }

    /// Whether a register holds 16 elements. Where it does not, a smaller tile keeps the sums in registers.
    private static let hasWideRegisters = ProcessorSetup.processorFlags().contains("avx512f")

    @inline(never)
    private static func multiply12(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        var (first, second, third) = (FourRows(), FourRows(), FourRows())
        var (left, right) = (left, right)
        for _ in 0..<depth {
            let (low, high) = (right.lanes(at: 0), right.lanes(at: 16))
            first.add(left, low, high)
            second.add(left + 4, low, high)
            third.add(left + 8, low, high)
            left += 12
            right += columns
        }
        first.write(to: target, stride, adds)
        second.write(to: target + 4 &* stride, stride, adds)
        third.write(to: target + 8 &* stride, stride, adds)
    }

    @inline(never)
    private static func multiply8(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        var (first, second) = (FourRows(), FourRows())
        var (left, right) = (left, right)
        for _ in 0..<depth {
            let (low, high) = (right.lanes(at: 0), right.lanes(at: 16))
            first.add(left, low, high)
            second.add(left + 4, low, high)
            left += 8
            right += columns
        }
        first.write(to: target, stride, adds)
        second.write(to: target + 4 &* stride, stride, adds)
    }

    @inline(never)
    private static func multiply4(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        var rows = FourRows()
        var (left, right) = (left, right)
        for _ in 0..<depth {
            rows.add(left, right.lanes(at: 0), right.lanes(at: 16))
            left += 4
            right += columns
        }
        rows.write(to: target, stride, adds)
    }

    @inline(never)
    private static func multiplyPart(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, leftStep: Int, _ right: UnsafeMutablePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        var (a, b, c, d) = (Lanes(), Lanes(), Lanes(), Lanes())
        var (left, right) = (left, right)
        for _ in 0..<depth {
            let lanes = right.lanes(at: 0)
            a = a.addingProduct(Lanes(repeating: left[0]), lanes)
            b = b.addingProduct(Lanes(repeating: left[1]), lanes)
            c = c.addingProduct(Lanes(repeating: left[2]), lanes)
            d = d.addingProduct(Lanes(repeating: left[3]), lanes)
            left += leftStep
            right += columns
        }
        a.write(to: target, adds)
        b.write(to: target + stride, adds)
        c.write(to: target + 2 &* stride, adds)
        d.write(to: target + 3 &* stride, adds)
    }
}

/// The sums of four rows of a tile.
private struct FourRows {
    private var (a, b, c, d) = (Row(), Row(), Row(), Row())

    @inline(__always)
    mutating func add(_ left: UnsafeMutablePointer<Float>, _ low: Lanes, _ high: Lanes) {
        a.add(left[0], low, high)
        b.add(left[1], low, high)
        c.add(left[2], low, high)
        d.add(left[3], low, high)
    }

    @inline(__always)
    func write(to target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool) {
        a.write(to: target, adds)
        b.write(to: target + stride, adds)
        c.write(to: target + 2 &* stride, adds)
        d.write(to: target + 3 &* stride, adds)
    }

    private struct Row {
        var low = Lanes(repeating: 0)
        var high = Lanes(repeating: 0)

        @inline(__always)
        mutating func add(_ factor: Float, _ right: Lanes, _ furtherRight: Lanes) {
            low = low.addingProduct(Lanes(repeating: factor), right)
            high = high.addingProduct(Lanes(repeating: factor), furtherRight)
        }

        @inline(__always)
        func write(to target: UnsafeMutablePointer<Float>, _ adds: Bool) {
            low.write(to: target, adds)
            high.write(to: target + laneCount, adds)
        }
    }
}

extension SIMD16 where Scalar == Float {
    @inline(__always)
    fileprivate func write(to target: UnsafeMutablePointer<Float>, _ adds: Bool) {
        target.store(adds ? self + target.lanes(at: 0) : self, at: 0)
    }
}
