/// `nash_mtl`: the update that the tasks would agree on in bargaining (Navon, Shamsian, Achituve, Maron, Kawaguchi, Chechik and Fetaya
/// 2022, "Multi-task learning as a bargaining game", claim 3.1).
///
/// The factors α > 0 solve G α = 1 ÷ α, element by element, with G the products of the gradients: every task's gain ⟨gₖ, d⟩
/// along d = Σ αₖ gₖ is the inverse of its factor. The length of d is the root of the number of tasks, whatever the gradients'
/// lengths; a task's own weight multiplies its part of d behind that.
///
/// The paper approximates α by a sequence of convex programs. But G α − 1 ÷ α is the gradient of ½ αᵀ G α − Σ ln αₖ, which is
/// convex and self-concordant, so that damped Newton steps find its minimum from anywhere (Boyd and Vandenberghe 2004, section
/// 9.6). Gradients are brought to length 1 first, and 10⁻⁶ is added to their squares: where some combination of them is zero,
/// no α is a solution, and this gives the one in which that combination has the greatest factors.
public struct NashBargaining: GradientCombination {
    public static let name = "nash_mtl"
    private static let damping = 1e-6

    public init(_ settings: TaskWeightingSettings) {}

    public func factors(_ tasks: TaskGradientProducts) -> [Double] {
        let lengths = zip(tasks.gram.norms, tasks.weights).map { $0 / $1 }
        // A task without a gradient has nothing to bargain for.
        let places = lengths.indices.filter { lengths[$0] > 0 }
        let unit = tasks.gram.only(places).scaled(by: places.map { 1 / (lengths[$0] * tasks.weights[$0]) })
        var factors = [Double](repeating: 0, count: lengths.count)
        for (place, solution) in zip(places, Self.solve(unit)) { factors[place] = solution / lengths[place] }
        return factors
    }

    /// Solves G α = 1 ÷ α for products of vectors of length 1.
    private static func solve(_ gram: GramMatrix) -> [Double] {
        var solution = [Double](repeating: 1, count: gram.count)
        for _ in 0..<1000 {
            let products = gram.times(solution)
            let gradient = solution.indices.map { products[$0] + damping * solution[$0] - 1 / solution[$0] }
            let steps = solvePositiveDefinite([gradient]) { row, column in
                gram[row, column] + (row == column ? damping + 1 / (solution[row] * solution[row]) : 0)
            }
            guard let step = steps?.first else { break }
            let decrement = max(0, dot(gradient, step)).squareRoot()
            let share = decrement < 0.25 ? 1 : 1 / (1 + decrement)
            for place in solution.indices { solution[place] -= share * step[place] }
            if decrement < 1e-8 { break }
        }
        return solution
    }
}
