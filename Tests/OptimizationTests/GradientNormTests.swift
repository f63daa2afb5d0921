import Foundation
import LinearAlgebra
import Optimization
import Testing

@Suite struct GradientNormTests {
    /// Ranks that own whole blocks find the same bits as one that owns everything.
    @Test(arguments: [[1], [2], [3, 5], [1, 2, 3, 4, 5, 6]]) func bitsDoNotDependOnTheParts(cuts: [Int]) {
        let block = GradientNorm.blockSize
        let count = 6 * block + 1234
        let buffer = FloatBuffer(count: count)
        Philox(key: 1).fillNormal(buffer.view, stream: 0, deviation: 0.1)
        let whole = GradientNorm.blockSums(buffer.view)
        #expect(whole.count == 7)
        let bounds = [0] + cuts.map { $0 * block } + [count]
        let parts = zip(bounds, bounds.dropFirst()).flatMap { GradientNorm.blockSums(buffer.view.slice($0..<$1)) }
        #expect(parts.map(\.bitPattern) == whole.map(\.bitPattern))
        let right = buffer.view.array.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(GradientNorm.norm(ofBlockSums: whole) - right) < 1e-12 * right)
    }

    @Test func emptyAndShort() {
        let memory = GuardedMemory()
        #expect(GradientNorm.blockSums(memory.vector([])) == [])
        #expect(GradientNorm.norm(ofBlockSums: []) == 0)
        #expect(GradientNorm.norm(ofBlockSums: GradientNorm.blockSums(memory.vector([3, 4]))) == 5)
    }

    @Test func notFiniteIsSeen() {
        let memory = GuardedMemory()
        #expect(GradientNorm.norm(ofBlockSums: GradientNorm.blockSums(memory.vector([1, .nan]))).isNaN)
        #expect(GradientNorm.norm(ofBlockSums: GradientNorm.blockSums(memory.vector([1, .infinity]))) == .infinity)
        // A square that single precision cannot hold is no reason to skip a step.
        #expect(GradientNorm.norm(ofBlockSums: GradientNorm.blockSums(memory.vector([1e30]))).isFinite)
    }

    @Test func clipping() {
        #expect(GradientNorm.clippingScale(norm: 0, maximum: 1) == 1)
        #expect(GradientNorm.clippingScale(norm: 0.5, maximum: 1) == 1)
        #expect(abs(GradientNorm.clippingScale(norm: 4, maximum: 1) - 0.25) < 1e-6)
        #expect(GradientNorm.clippingScale(norm: 4, maximum: .infinity) == 1)
    }
}
