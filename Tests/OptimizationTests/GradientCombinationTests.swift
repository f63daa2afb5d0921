import Foundation
import Optimization
import Testing

private typealias Vectors = [[Double]]

private func product(_ left: [Double], _ right: [Double]) -> Double { zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } }

private func sum(_ vectors: Vectors, _ factors: [Double]) -> [Double] {
    vectors[0].indices.map { place in zip(vectors, factors).reduce(0) { $0 + $1.0[place] * $1.1 } }
}

private func norm(_ vector: [Double]) -> Double { product(vector, vector).squareRoot() }

private func gram(_ vectors: Vectors) -> GramMatrix {
    GramMatrix(
        count: vectors.count,
        pairs: vectors.indices.flatMap { row in vectors[row...].map { product(vectors[row], $0) } })
}

private func products(
    _ vectors: Vectors, step: Int = 1, losses: [Double]? = nil, weights: [Double]? = nil, numbers: [Int]? = nil
) -> TaskGradientProducts {
    let ones = vectors.map { _ in 1.0 }
    return TaskGradientProducts(
        step: step, numbers: numbers ?? Array(vectors.indices), losses: losses ?? ones, gram: gram(vectors),
        weights: weights ?? ones)
}

/// Numbers between −1 and 1 that are the same every time.
private func noise(_ count: Int, seed: Int) -> [Double] {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Double(Int64(bitPattern: state)) / Double(Int64.max)
    }
}

/// Gradients that lie to each other in one way or another.
struct VectorCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let vectors: [[Double]]

    static let all: [VectorCase] = [
        .init(testDescription: "one", vectors: [[3, -4, 1]]),
        .init(testDescription: "at right angles", vectors: [[2, 0, 0], [0, 0.5, 0]]),
        .init(testDescription: "conflicting", vectors: [[1, 0.2, 0], [-0.7, 0.9, 0.1]]),
        .init(testDescription: "parallel", vectors: [[1, 2, -1], [2, 4, -2]]),
        .init(testDescription: "equal", vectors: [[1, 2, -1], [1, 2, -1], [1, 2, -1]]),
        .init(testDescription: "one zero", vectors: [[1, 0, 2], [0, 0, 0], [-1, 1, 0.5]]),
        .init(testDescription: "all zero", vectors: [[0, 0, 0], [0, 0, 0]]),
        .init(testDescription: "opposite", vectors: [[1, -2, 0.5], [-1, 2, -0.5]]),
        .init(testDescription: "opposite, one longer", vectors: [[3, -6, 1.5], [-1, 2, -0.5]]),
        .init(testDescription: "one tiny", vectors: [[1, 0.2, 0.3], [-1e-6, 1e-6, 3e-6]]),
        .init(testDescription: "eight in five dimensions", vectors: (0..<8).map { noise(5, seed: 20 + $0) }),
        .init(testDescription: "eight in forty dimensions", vectors: (0..<8).map { noise(40, seed: 40 + $0) }),
    ]
}

@Suite struct GradientCombinationTests {
    // MARK: PCGrad

    @Test(arguments: VectorCase.all, [1, 2, 30]) func surgeryIsThatOfThePaper(one: VectorCase, step: Int) {
        let vectors = one.vectors
        var expected = [Double](repeating: 0, count: vectors[0].count)
        for task in vectors.indices {
            var own = vectors[task]
            for other in GradientSurgery.order(seed: 7, step: step, task: task, count: vectors.count)
            where other != task {
                let dot = product(own, vectors[other])
                // What is below zero by rounding only is left to chance.
                if dot < -1e-14 * norm(own) * norm(vectors[other]) {
                    let share = dot / product(vectors[other], vectors[other])
                    own = zip(own, vectors[other]).map { $0 - share * $1 }
                }
            }
            expected = zip(expected, own).map { $0 + $1 }
        }
        let factors = GradientSurgery(threeTasks).factors(products(vectors, step: step))
        #expect(agree(sum(vectors, factors), expected, tolerance: 1e-11), "\(sum(vectors, factors)), not \(expected)")
    }

    @Test func surgeryMeetsTasksInRandomOrder() {
        let orders = (1...200).map { GradientSurgery.order(seed: 1, step: $0, task: 0, count: 4) }
        #expect(orders.allSatisfy { $0.sorted() == [0, 1, 2, 3] })
        #expect(Set(orders).count == 24)
        for task in 0..<4 {
            let often = orders.count { $0[0] == task }
            #expect((30...70).contains(often))
        }
        func all(seed: UInt64, task: Int) -> [[Int]] {
            (1...200).map { GradientSurgery.order(seed: seed, step: $0, task: task, count: 4) }
        }
        #expect(orders == all(seed: 1, task: 0))
        #expect(orders != all(seed: 2, task: 0))
        #expect(orders != all(seed: 1, task: 1))
    }

    // MARK: CAGrad

    /// The direction is inside the ball, and the task that is worst off gains as much as the dual problem allows at most: so it
    /// is the best. The dual problem is solved once more, plainly, by multiplicative steps on the vectors themselves.
    @Test(arguments: VectorCase.all, [0.2, 0.5, 0.9]) func conflictAverseDirectionIsTheBest(
        one: VectorCase, radius: Double
    ) {
        let vectors = one.vectors
        var settings = threeTasks
        settings.alpha = radius
        let factors = ConflictAverseGradient(settings).factors(products(vectors))
        let direction = sum(vectors, factors)
        let whole = sum(vectors, vectors.map { _ in 1 })
        let reach = radius * norm(whole)
        let scale = max(vectors.map(norm).max() ?? 0, 1e-300)
        #expect(norm(zip(direction, whole).map { $0 - $1 }) <= reach + 1e-9 * scale)

        var weights = vectors.map { _ in 1 / Double(vectors.count) }
        var least = Double.infinity
        for round in 1...4000 {
            let mixture = sum(vectors, weights)
            let length = norm(mixture)
            least = min(least, product(mixture, whole) + reach * length)
            let slopes = vectors.map { product($0, whole) + (length > 0 ? reach * product($0, mixture) / length : 0) }
            let pace = 2 / (scale * scale * Double(vectors.count) * Double(round).squareRoot())
            weights = zip(weights, slopes).map { $0 * exp(-pace * $1) }
            let total = weights.reduce(0, +)
            weights = weights.map { $0 / total }
        }
        let worst = vectors.map { product($0, direction) }.min() ?? 0
        // The plain solution is not as close: the bound holds, and is nearly reached.
        let tolerance = scale * scale * Double(vectors.count)
        #expect(worst <= least + 1e-8 * tolerance, "\(worst) above the bound \(least)")
        #expect(worst >= least - 1e-3 * tolerance, "\(worst) below \(least)")
        // Weights from the rule itself reach the bound more closely.
        let mixtureLength = zip(factors, vectors).map { ($0 - 1, $1) }
        let total = mixtureLength.reduce(0) { $0 + $1.0 }
        if total > 0 {
            let mixture = sum(vectors, factors.map { ($0 - 1) / total })
            let value = product(mixture, whole) + reach * norm(mixture)
            #expect(abs(value - worst) <= 1e-6 * tolerance, "a gap of \(value - worst)")
        }
    }

    @Test func conflictAverseDirectionWithoutRadiusIsTheSum() {
        var settings = threeTasks
        settings.alpha = 0
        for one in VectorCase.all {
            let factors = ConflictAverseGradient(settings).factors(products(one.vectors))
            #expect(factors == one.vectors.map { _ in 1 })
        }
    }

    /// The unit of length does not matter.
    @Test func conflictAverseDirectionGoesWithTheLengths() {
        let vectors = VectorCase.all[10].vectors
        let factors = ConflictAverseGradient(threeTasks).factors(products(vectors))
        for scale in [1e-12, 1e12] {
            let other = ConflictAverseGradient(threeTasks).factors(products(vectors.map { $0.map { $0 * scale } }))
            #expect(agree(other, factors, tolerance: 1e-6))
        }
    }

    // MARK: Nash-MTL

    @Test(arguments: VectorCase.all) func bargainingSolvesItsEquation(one: VectorCase) {
        let vectors = one.vectors
        let factors = NashBargaining(threeTasks).factors(products(vectors))
        let direction = sum(vectors, factors)
        #expect(factors.allSatisfy { $0.isFinite && $0 >= 0 })
        for (factor, vector) in zip(factors, vectors) {
            // 10⁻⁶ is added to the squares of the lengths.
            let gain = product(vector, direction) + 1e-6 * factor * product(vector, vector)
            let isSolved = norm(vector) == 0 ? factor == 0 : abs(factor * gain - 1) < 1e-6
            #expect(isSolved, "\(factor) and a gain of \(gain)")
        }
    }

    /// Two gradients of any lengths and angle: α₁ ‖g₁‖ = α₂ ‖g₂‖ = 1 ÷ √(1 + cos), in closed form.
    @Test(arguments: [1.2, 0.5, -0.3, -0.9]) func bargainingOfTwoHasAClosedForm(angle: Double) {
        let vectors = [[3, 0], [0.01 * cos(angle), 0.01 * sin(angle)]]
        let factors = NashBargaining(threeTasks).factors(products(vectors))
        let right = 1 / (1 + cos(angle)).squareRoot()
        #expect(agree([factors[0] * 3, factors[1] * 0.01], [right, right], tolerance: 1e-5))
    }

    @Test func bargainingOfOppositesStandsStill() {
        let vectors = [[1, -2, 0.5], [-1, 2, -0.5]] as [[Double]]
        let direction = sum(vectors, NashBargaining(threeTasks).factors(products(vectors)))
        #expect(norm(direction) < 1e-9)
    }

    /// A task's own weight multiplies its part of the update; what is bargained for does not depend on it.
    @Test func weightsStandBesideBargainingAndNormalization() {
        let vectors = Array(VectorCase.all[11].vectors.prefix(3))
        let weights = [0.25, 1, 4.0]
        let weighted = zip(vectors, weights).map { vector, weight in vector.map { $0 * weight } }
        let nash = NashBargaining(threeTasks)
        #expect(
            agree(
                nash.factors(products(weighted, weights: weights)), nash.factors(products(vectors)), tolerance: 1e-9))
        var (one, other) = (GradientNormalization(threeTasks), GradientNormalization(threeTasks))
        for step in 1...5 {
            let losses = [1, 0.9, 0.3]
            _ = one.factors(products(vectors, step: step, losses: losses))
            _ = other.factors(products(weighted, step: step, losses: losses, weights: weights))
        }
        #expect(agree(one.state, other.state, tolerance: 1e-12))
    }

    // MARK: GradNorm

    @Test func normalizationIsThatOfThePaper() throws {
        var rule = GradientNormalization(threeTasks)
        for (step, right) in WeightingGolden.gradnorm.enumerated() {
            let losses = WeightingGolden.losses[step]
            let present = losses.indices.filter { losses[$0] != nil }
            let vectors = present.map { Array(WeightingGolden.gradients[step][4 * $0..<4 * $0 + 4]) }
            let factors = rule.factors(
                products(vectors, step: step + 1, losses: present.compactMap { losses[$0] }, numbers: present))
            #expect(agree(factors, present.map { right[$0] }), "step \(step): \(factors), not \(right)")
            var resumed = GradientNormalization(threeTasks)
            try resumed.restore(rule.state)
            rule = resumed
        }
    }

    @Test func normalizationKeepsWeightsAboveZero() {
        var rule = GradientNormalization(threeTasks)
        let vectors = [[1e4, 0], [0, 1], [1, 0]] as [[Double]]
        for step in 1...2000 { _ = rule.factors(products(vectors, step: step)) }
        let weights = rule.factors(products(vectors))
        #expect(weights[0] > 0 && weights[0] < 0.01, "\(weights)")
        #expect(abs(weights.reduce(0, +) - 3) < 1e-9)
    }

    @Test func cosinesAndNormsAreThoseOfTheVectors() {
        let matrix = gram([[3, 4], [-4, 3], [0, 0], [6, 8]])
        let cosines = matrix.cosines
        #expect(matrix.norms == [5, 5, 0, 10])
        #expect([cosines[0][0], cosines[0][1], cosines[3][0]] == [1, 0, 1])
        #expect(cosines[2].allSatisfy { $0.isNaN })
    }
}
