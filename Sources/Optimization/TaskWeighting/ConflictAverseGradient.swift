import Foundation

/// `cagrad`: the direction near the sum of the gradients along which the task that is worst off gains the most (Liu, Liu, Jin,
/// Stone and Liu 2021, "Conflict-averse gradient descent for multi-task learning", equation 3 and algorithm 1).
///
/// Among all d with ‖d − g₀‖ ≤ c ‖g₀‖ the least of the products ⟨gₖ, d⟩ is made as large as it can be. The dual problem has a
/// variable for each task: minimise F(w) = ⟨g_w, g₀⟩ + c ‖g₀‖ ‖g_w‖ over w ≥ 0, Σ w = 1, with g_w = Σ wₖ gₖ; then
/// d = g₀ + c ‖g₀‖ ÷ ‖g_w‖ · g_w. Here g₀ is the sum of the gradients, not their mean: d is as many times longer, and with
/// c = 0 the step is that of `static`. c is `weighting.alpha`, by default 0.5.
///
/// F is convex; a barrier method solves it (Boyd and Vandenberghe 2004, section 11.3): Newton's method on F − μ Σ ln wₖ, for ever
/// smaller μ.
public struct ConflictAverseGradient: GradientCombination {
    public static let name = "cagrad"
    private let radius: Double

    public init(_ settings: TaskWeightingSettings) { radius = settings.alpha ?? 0.5 }

    public func factors(_ tasks: TaskGradientProducts) -> [Double] {
        let count = tasks.gram.count
        let ones = [Double](repeating: 1, count: count)
        // The problem does not care for the unit of length; this one makes F about 1.
        let length = dot(ones, tasks.gram.norms) / Double(count)
        guard length > 0, radius > 0 else { return ones }
        let problem = Problem(gram: tasks.gram.scaled(by: ones.map { $0 / length }), radius: radius)
        guard problem.reach > 0 else { return ones }
        let weights = problem.minimum()
        let step = problem.reach / problem.length(weights)
        return weights.map { 1 + step * $0 }
    }

    private struct Problem {
        let gram: GramMatrix
        /// ⟨gₖ, g₀⟩ of each task.
        let slope: [Double]
        /// c ‖g₀‖.
        let reach: Double
        /// Keeps ‖g_w‖ differentiable where it comes near 0.
        static let rounding = 1e-14

        init(gram: GramMatrix, radius: Double) {
            self.gram = gram
            slope = gram.times(Array(repeating: 1, count: gram.count))
            reach = radius * max(0, slope.reduce(0, +)).squareRoot()
        }

        /// ‖g_w‖.
        func length(_ weights: [Double]) -> Double {
            (max(0, dot(weights, gram.times(weights))) + Self.rounding).squareRoot()
        }

        func value(_ weights: [Double]) -> Double { dot(weights, slope) + reach * length(weights) }

        func minimum() -> [Double] {
            var weights = [Double](repeating: 1 / Double(gram.count), count: gram.count)
            var barrier = 1.0
            while barrier > 1e-13 {
                for _ in 0..<50 {
                    guard let next = newtonStep(from: weights, barrier: barrier) else { break }
                    weights = next
                }
                barrier *= 0.1
            }
            return weights
        }

        /// One step, cut short so that weights stay above 0 and the function falls; nil where there is no step to take.
        private func newtonStep(from weights: [Double], barrier: Double) -> [Double]? {
            let (size, products) = (length(weights), gram.times(weights))
            let gradient = weights.indices.map { slope[$0] + reach * products[$0] / size - barrier / weights[$0] }
            let ones = [Double](repeating: 1, count: gram.count)
            // Along w itself F is straight. The 1 that is added everywhere changes no step that keeps the sum of the weights, and
            // keeps the system far from singular.
            let solutions = solvePositiveDefinite([gradient, ones]) { row, column in
                let curvature = gram[row, column] - products[row] / size * (products[column] / size)
                return 1 + reach / size * curvature + (row == column ? barrier / (weights[row] * weights[row]) : 0)
            }
            guard let solutions else { return nil }
            let lift = dot(ones, solutions[0]) / dot(ones, solutions[1])
            let step = zip(solutions[0], solutions[1]).map { lift * $1 - $0 }
            let fall = -dot(gradient, step)
            guard fall > 1e-6 * barrier else { return nil }
            func objective(_ weights: [Double]) -> Double {
                value(weights) - barrier * weights.reduce(0) { $0 + log($1) }
            }
            let before = objective(weights)
            var share = 1.0
            for _ in 0..<60 {
                let next = zip(weights, step).map { $0 + share * $1 }
                if next.allSatisfy({ $0 > 0 }), objective(next) <= before - 0.1 * share * fall { return next }
                share *= 0.5
            }
            return nil
        }
    }
}
