import Foundation
import LinearAlgebra
import Optimization
import Testing

@Suite struct GradientNormTests {
    @Test func rootOfTheSums() {
        #expect(GradientNorm.norm(ofBlockSums: []) == 0)
        #expect(GradientNorm.norm(ofBlockSums: [9, 16]) == 5)
        #expect(GradientNorm.norm(ofBlockSums: [1, .nan]).isNaN)
        #expect(GradientNorm.norm(ofBlockSums: [1, .infinity]) == .infinity)
    }

    /// What the blocks' sums are made with.
    @Test(arguments: [0, 1, 15, 16, 17, 1000]) func sumOfSquaresInDouble(count: Int) {
        let memory = GuardedMemory()
        let grid = Grid(1, count, seed: 1, deviation: 0.1)
        let right = grid.values.reduce(0) { $0 + $1 * $1 }
        #expect(abs(sumOfSquares(memory.vector(grid.values)) - right) <= 1e-12 * right)
        #expect(sumOfSquares(memory.vector([1, .nan])).isNaN)
        // A square that single precision cannot hold is no reason to skip a step.
        #expect(sumOfSquares(memory.vector([1e30])).isFinite)
        #expect(memory.isIntact)
    }

    @Test func clipping() {
        #expect(GradientNorm.clippingScale(norm: 0, maximum: 1) == 1)
        #expect(GradientNorm.clippingScale(norm: 0.5, maximum: 1) == 1)
        #expect(abs(GradientNorm.clippingScale(norm: 4, maximum: 1) - 0.25) < 1e-6)
        #expect(GradientNorm.clippingScale(norm: 4, maximum: .infinity) == 1)
    }
}
