import LinearAlgebra
import Testing

@Suite struct TreeSumTests {
    /// The balanced binary tree as its definition says: a tree over the next power of two, of which the leaves behind the
    /// last part are missing.
    private func naiveTree(_ parts: [Float], from start: Int = 0, span: Int? = nil) -> Float? {
        let span = span ?? (0...).lazy.map { 1 << $0 }.first { $0 >= parts.count } ?? 1
        if start >= parts.count { return nil }
        if span == 1 { return parts[start] }
        let left = naiveTree(parts, from: start, span: span / 2)
        let right = naiveTree(parts, from: start + span / 2, span: span / 2)
        guard let left, let right else { return left ?? right }
        return left + right
    }

    @Test(arguments: 1...33, [0, 3]) func equalsTheDefinition(count: Int, gap: Int) {
        let memory = GuardedMemory(gap: gap)
        let rows = memory.matrix(Grid(count, 19, seed: UInt64(count)))
        let sum = memory.vector(19)
        let right = (0..<19).map { column in naiveTree((0..<count).map { rows[$0, column] })?.bitPattern }
        treeSum(rows, into: sum)
        #expect(sum.bits == right)
        #expect(memory.isIntact)
    }

    /// Partial sums over 1, 2, 4, … aligned parts come out the same wherever they are computed.
    @Test func alignedPartsAreSubtrees() {
        let memory = GuardedMemory()
        for size in [1, 2, 4, 8] {
            let values = Grid(16, 5, seed: 1)
            let (whole, rest) = (memory.vector(5), memory.vector(5))
            treeSum(memory.matrix(values), into: whole)
            let parts = memory.matrix(16 / size, 5)
            for part in 0..<16 / size {
                treeSum(memory.matrix(Grid(size, 5) { values[part * size + $0, $1] }), into: parts.row(part))
            }
            treeSum(parts, into: rest)
            #expect(whole.bits == rest.bits, "parts of \(size)")
        }
    }

    @Test func splitsAtTheLargestPowerOfTwoBelow() {
        #expect((2...9).map(treeSplit) == [1, 2, 2, 4, 4, 4, 4, 8])
        #expect(treeSplit(1025) == 1024 && treeSplit(1024) == 512)
    }

    /// The depth suffices for the temporaries of a depth-first walk that keeps the left side in its target.
    @Test(arguments: 1...100) func depthSuffices(count: Int) {
        func needed(_ count: Int) -> Int {
            if count == 1 { return 0 }
            let left = treeSplit(count)
            return 1 + max(needed(left), needed(count - left))
        }
        #expect(treeDepth(count) >= max(1, needed(count)))
    }

    @Test(arguments: [0, 1, 15, 16, 17, 100]) func vectorSums(count: Int) {
        let memory = GuardedMemory()
        let (left, right) = (
            memory.matrix(Grid(1, count, seed: 1)).row(0), memory.matrix(Grid(1, count, seed: 2)).row(0)
        )
        let sums = zip(left.array, right.array).map { ($0 + $1).bitPattern }
        let target = memory.vector(count)
        add(left, right, into: target)
        #expect(target.bits == sums)
        add(left, right, into: right)
        #expect(right.bits == sums)
        target.copy(from: left)
        add(target, to: target)
        #expect(target.array == left.array.map { $0 * 2 })
        #expect(memory.isIntact)
    }

    @Test(arguments: [0, 1, 15, 16, 17, 1000, 16_384]) func sumOfSquaresInDouble(count: Int) {
        let memory = GuardedMemory()
        let values = Grid(1, count, seed: 1)
        let right = values.values.reduce(0) { $0 + $1 * $1 }
        #expect(abs(sumOfSquares(memory.matrix(values).row(0)) - right) <= 1e-13 * right)
        // Squares that overflow or vanish in single precision.
        #expect(sumOfSquares(memory.vector([1e30, 1e-30])) == Double(Float(1e30)) * Double(Float(1e30)))
        #expect(sumOfSquares(memory.vector([1e-30])) > 0)
        #expect(sumOfSquares(memory.vector([1, .nan, 1])).isNaN)
        #expect(sumOfSquares(memory.vector([1, -.infinity])) == .infinity)
        #expect(memory.isIntact)
    }
}
