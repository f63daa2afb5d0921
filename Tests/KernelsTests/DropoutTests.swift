import Foundation
import Kernels
import LinearAlgebra
import Testing

@Suite struct DropoutTests {
    private static let count = 300 * 333

    /// The number of kept elements lies within five deviations of what the probability says, and the mean stays one.
    @Test(arguments: [Float(0.01), 0.1, 0.25, 0.5, 0.9, 0.999])
    func keepsTheRightShare(probability: Float) {
        let mask = mask(someDropout(.layerOutput, probability: probability), 300, 333)
        // Probabilities are multiples of 1/65536, and the scale is the inverse of exactly that.
        let exact = (Double(probability) * 65536).rounded() / 65536
        let scale = Double(Float(1 / (1 - exact)))
        #expect(mask.values.allSatisfy { $0 == 0 || abs($0 - scale) <= Double(Float(scale).ulp) })
        let kept = Double(mask.values.count { $0 != 0 })
        let expected = Double(Self.count) * (1 - exact)
        let deviation = (Double(Self.count) * exact * (1 - exact)).squareRoot()
        #expect(abs(kept - expected) < 5 * deviation, "\(kept) kept, \(expected) expected, deviation \(deviation)")
        let mean = mask.values.reduce(0, +) / Double(Self.count)
        #expect(abs(mean - 1) < 5 * deviation * scale / Double(Self.count))
    }

    /// No row, column or place within a block of 64 draws is dropped more often than chance has it.
    @Test func isEvenOverRowsAndColumns() {
        let mask = mask(someDropout(.attentionOutput, probability: 0.5), 512, 512)
        func dropped(_ places: [(Int, Int)]) -> Int { places.count { mask[$0.0, $0.1] == 0 } }
        let (bound, half) = (5 * (512.0 / 4).squareRoot(), 256.0)
        for index in 0..<512 {
            #expect(abs(Double(dropped((0..<512).map { (index, $0) })) - half) < bound, "row \(index)")
            #expect(abs(Double(dropped((0..<512).map { ($0, index) })) - half) < bound, "column \(index)")
        }
        // Neighbours agree half of the time, side by side as well as one above the other.
        for (down, right) in [(0, 1), (1, 0), (1, 1), (0, 16), (0, 64), (64, 0)] {
            var same = 0
            for row in 0..<448 {
                for column in 0..<448 where mask[row, column] == mask[row + down, column + right] { same += 1 }
            }
            let expected = 448.0 * 448 / 2
            #expect(abs(Double(same) - expected) < 5 * (expected / 2).squareRoot(), "neighbours (\(down), \(right))")
        }
    }

    /// Every part of the key leads to another mask, and half of the elements of two masks agree.
    @Test func masksAreIndependent() {
        func one(key: UInt64 = 1, shard: Int = 0, layer: Int = 0, site: DropoutSite.Site = .pooled) -> Grid {
            mask(DropoutSite(key: key, shard: shard, layer: layer, site: site, probability: 0.5), 40, 500)
        }
        var masks = [
            one(), one(key: 2), one(key: 1 << 32 | 1), one(shard: 1), one(shard: 7), one(layer: 1), one(layer: 23),
        ]
        for site in [DropoutSite.Site.embedding, .attentionProbability, .attentionOutput, .layerOutput] {
            masks.append(one(site: site))
        }
        for first in masks.indices {
            for second in masks.indices where second > first {
                let same = zip(masks[first].values, masks[second].values).count { $0 == $1 }
                #expect(abs(Double(same) - 10_000) < 5 * 5000.0.squareRoot(), "masks \(first) and \(second)")
            }
        }
        #expect(one().values == masks[0].values)
    }

    /// No two places of a model, shards of a step or steps of a run share a mask.
    @Test func placesAreTakenOnce() {
        let sites = [DropoutSite.Site.embedding, .attentionProbability, .attentionOutput, .layerOutput, .pooled]
        var masks = Set<[Double]>()
        for layer in 0..<30 {
            for site in sites {
                for shard in 0..<3 {
                    for step in 0..<2 as Range<UInt64> {
                        let key = mixedKey(42, step)
                        let dropout = DropoutSite(key: key, shard: shard, layer: layer, site: site, probability: 0.5)
                        masks.insert(mask(dropout, 2, 64).values)
                    }
                }
            }
        }
        let count = masks.count
        #expect(count == 30 * sites.count * 3 * 2)
    }

    /// An element's fate depends on its row and column alone, not on how wide the matrix is or where it lies.
    @Test(arguments: [1, 15, 16, 17, 33, 49, 63, 64, 65, 100, 127, 130]) func widthDoesNotMatter(columns: Int) {
        let dropout = someDropout(.layerOutput)
        let (narrow, wide) = (mask(dropout, 4, columns), mask(dropout, 4, 192))
        #expect(narrow.values == wide.rows(0..<4, columns: 0..<columns).values)
        let memory = GuardedMemory(gap: 5)
        let (input, output) = (memory.matrix(Grid(4, columns, seed: 1)), memory.matrix(4, columns))
        dropOut(input, dropout, into: output)
        #expect(memory.isIntact)
        for row in 0..<4 {
            for column in 0..<columns {
                #expect(output[row, column] == input[row, column] * Float(narrow[row, column]))
            }
        }
        // Its own backward pass: what was kept passes by the same factor.
        dropOut(input, dropout, into: input)
        #expect(input.bits == output.bits)
    }

    @Test func nothingIsDroppedAtProbabilityZero() {
        #expect(!DropoutSite.none.isActive)
        #expect(!someDropout(.pooled, probability: 0).isActive)
        #expect(someDropout(.pooled, probability: 0.5).isActive)
        #expect(mask(.none, 3, 70).values.allSatisfy { $0 == 1 })
    }

    /// A dropped element is zero whatever it was.
    @Test func droppedElementsAreZero() {
        let dropout = someDropout(.pooled, probability: 0.5)
        let mask = mask(dropout, 3, 70)
        let memory = GuardedMemory()
        let x = memory.matrix(Grid(3, 70) { _, column in column % 2 == 0 ? .infinity : .nan })
        dropOut(x, dropout, into: x)
        for row in 0..<3 {
            for column in 0..<70 where mask[row, column] == 0 { #expect(x[row, column] == 0) }
        }
    }
}
