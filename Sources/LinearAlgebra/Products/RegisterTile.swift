/// A product of two panels whose result stays in registers: the inner loop of every large product.
///
/// A left panel holds 4, 8 or 12 rows of the left operand, a right panel some columns of the right one, step by step along the
/// summed index: `right[k · columns + j]`. With AVX-512 the 12 × 32 sums take 24 of the 32 registers, and each step has 24 fused
/// multiply-adds against 14 loads, so that the multipliers never wait. With AVX2 a panel has 16 columns, and 6 × 16 sums take 12
/// of the 16 registers: 12 multiply-adds against 8 loads.
///
/// Every element is the sum over the steps in their order, by itself: its bits depend on nothing but its row and its column.
package enum RegisterTile {
    /// Rows of a full left panel.
    package static let rows = 12
    /// Columns of a right panel.
    package static var columns: Int { hasWideRegisters ? 32 : 16 }
    /// Left panels come in multiples of so many rows.
    static let rowQuantum = 4

    /// Rows of a left operand: element (i, k) is `base[i · rowStride + k · stepStride]`.
    package struct LeftPanel {
        let base: UnsafeMutablePointer<Float>
        let rows, rowStride, stepStride: Int

        /// A panel made by `PackedPanels`: its rows side by side, step by step.
        package init(packed base: UnsafeMutablePointer<Float>, rows: Int) {
            (self.base, self.rows, rowStride, stepStride) = (base, rows, 1, rows)
        }

        /// Twelve rows where they stand in a matrix.
        package init(rowsFrom base: UnsafeMutablePointer<Float>, stride: Int) {
            (self.base, rows, rowStride, stepStride) = (base, RegisterTile.rows, stride, 1)
        }
    }

    /// `target = Σ left[i, k] · right[k, j]`, or that added to what is there.
    ///
    /// - Parameters:
    ///   - depth: steps of the sum.
    ///   - left: 4, 8 or 12 rows.
    ///   - right: a panel.
    ///   - target: as many rows of `columns` elements, `stride` elements apart.
    package static func multiply(
        depth: Int, left: LeftPanel, right: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<Float>,
        stride: Int, adds: Bool
    ) {
        switch (hasWideRegisters ? left.rows : 0, left.rowStride) {
        case (12, 1): multiply12(depth, left.base, right, target, stride, adds)
        case (12, _): multiply12InPlace(depth, left, right, target, stride, adds)
        case (8, _): multiply8(depth, left.base, right, target, stride, adds)
        case (4, _): multiply4(depth, left.base, right, target, stride, adds)
        default: multiplyInParts(depth, left, right, target, stride, adds)
        }
    }

    /// The same, bit by bit, in parts of six or four rows and 16 columns, which fit the registers of AVX2.
    package static func multiplyInParts(
        _ depth: Int, _ left: LeftPanel, _ right: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>,
        _ stride: Int, _ adds: Bool
    ) {
        let height = left.rows == rows ? 6 : rowQuantum
        for column in Swift.stride(from: 0, to: columns, by: laneCount) {
            for row in Swift.stride(from: 0, to: left.rows, by: height) {
                (height == 6 ? multiplySix : multiplyFour)(
                    depth, left.base + row * left.rowStride, left.rowStride, left.stepStride, right + column,
                    target + row * stride + column, stride, adds)
            }
        }
    }

    @inline(never)
    private static func multiply12(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ right: UnsafeMutablePointer<Float>,
        _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        TwelveRows(depth, left, rowStride: 1, stepStride: rows, right).write(to: target, stride, adds)
    }

    @inline(never)
    private static func multiply12InPlace(
        _ depth: Int, _ left: LeftPanel, _ right: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>,
        _ stride: Int, _ adds: Bool
    ) {
        // The step stays a variable: for a constant 1 the compiler loads the factors of two steps together, and has too few
        // registers for them.
        TwelveRows(depth, left.base, rowStride: left.rowStride, stepStride: left.stepStride, right).write(
            to: target, stride, adds)
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
            first.add(left, 1, low, high)
            second.add(left + 4, 1, low, high)
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
            rows.add(left, 1, right.lanes(at: 0), right.lanes(at: 16))
            left += 4
            right += columns
        }
        rows.write(to: target, stride, adds)
    }

    @inline(never)
    private static func multiplySix(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ rowStride: Int, _ stepStride: Int,
        _ right: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        var (a, b, c, d, e, f) = (Lanes(), Lanes(), Lanes(), Lanes(), Lanes(), Lanes())
        // Two pointers: three rows behind one are addresses by themselves; six would be found by a chain of additions, which
        // takes as long as the products.
        var (upper, lower, right) = (left, left + 3 &* rowStride, right)
        for _ in 0..<depth {
            let lanes = right.lanes(at: 0)
            a = a.addingProduct(Lanes(repeating: upper[0]), lanes)
            b = b.addingProduct(Lanes(repeating: upper[rowStride]), lanes)
            c = c.addingProduct(Lanes(repeating: upper[2 &* rowStride]), lanes)
            d = d.addingProduct(Lanes(repeating: lower[0]), lanes)
            e = e.addingProduct(Lanes(repeating: lower[rowStride]), lanes)
            f = f.addingProduct(Lanes(repeating: lower[2 &* rowStride]), lanes)
            upper += stepStride
            lower += stepStride
            right += columns
        }
        a.write(to: target, adds)
        b.write(to: target + stride, adds)
        c.write(to: target + 2 &* stride, adds)
        d.write(to: target + 3 &* stride, adds)
        e.write(to: target + 4 &* stride, adds)
        f.write(to: target + 5 &* stride, adds)
    }

    @inline(never)
    private static func multiplyFour(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, _ rowStride: Int, _ stepStride: Int,
        _ right: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool
    ) {
        var (a, b, c, d) = (Lanes(), Lanes(), Lanes(), Lanes())
        var (left, right) = (left, right)
        for _ in 0..<depth {
            let lanes = right.lanes(at: 0)
            a = a.addingProduct(Lanes(repeating: left[0]), lanes)
            b = b.addingProduct(Lanes(repeating: left[rowStride]), lanes)
            c = c.addingProduct(Lanes(repeating: left[2 &* rowStride]), lanes)
            d = d.addingProduct(Lanes(repeating: left[3 &* rowStride]), lanes)
            left += stepStride
            right += columns
        }
        a.write(to: target, adds)
        b.write(to: target + stride, adds)
        c.write(to: target + 2 &* stride, adds)
        d.write(to: target + 3 &* stride, adds)
    }
}

/// The sums of all rows of a tile.
private struct TwelveRows {
    private var (first, second, third) = (FourRows(), FourRows(), FourRows())

    @inline(__always)
    init(
        _ depth: Int, _ left: UnsafeMutablePointer<Float>, rowStride: Int, stepStride: Int,
        _ right: UnsafeMutablePointer<Float>
    ) {
        var (left, right) = (left, right)
        for _ in 0..<depth {
            let (low, high) = (right.lanes(at: 0), right.lanes(at: 16))
            first.add(left, rowStride, low, high)
            second.add(left + 4 &* rowStride, rowStride, low, high)
            third.add(left + 8 &* rowStride, rowStride, low, high)
            left += stepStride
            right += RegisterTile.columns
        }
    }

    @inline(__always)
    func write(to target: UnsafeMutablePointer<Float>, _ stride: Int, _ adds: Bool) {
        first.write(to: target, stride, adds)
        second.write(to: target + 4 &* stride, stride, adds)
        third.write(to: target + 8 &* stride, stride, adds)
    }
}

/// The sums of four rows of a tile.
private struct FourRows {
    private var (a, b, c, d) = (Row(), Row(), Row(), Row())

    @inline(__always)
    mutating func add(_ left: UnsafeMutablePointer<Float>, _ rowStride: Int, _ low: Lanes, _ high: Lanes) {
        a.add(left[0], low, high)
        b.add(left[rowStride], low, high)
        c.add(left[2 &* rowStride], low, high)
        d.add(left[3 &* rowStride], low, high)
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
