import Foundation

/// Adam (Kingma and Ba 2015, algorithm 1, with its own β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸) for a few numbers that are learned
/// beside the model, in `Double`. Each has its own count of updates: a task that is missing in a step is left as it is.
struct ScalarAdam: Sendable, Equatable {
    var values: [Double]
    private var first, second, updates: [Double]

    init(count: Int, startingAt value: Double) {
        values = Array(repeating: value, count: count)
        first = Array(repeating: 0, count: count)
        (second, updates) = (first, first)
    }

    /// - Parameter slopes: of each value; nil where it stays.
    mutating func update(_ slopes: [Double?], rate: Double) {
        for (index, slope) in slopes.enumerated() {
            guard let slope else { continue }
            updates[index] += 1
            first[index] = 0.9 * first[index] + (1 - 0.9) * slope
            second[index] = 0.999 * second[index] + (1 - 0.999) * slope * slope
            let mean = first[index] / (1 - pow(0.9, updates[index]))
            let square = second[index] / (1 - pow(0.999, updates[index]))
            values[index] -= rate * mean / (square.squareRoot() + 1e-8)
        }
    }

    /// Values, moments and counts, one after the other.
    var state: [Double] {
        get { values + first + second + updates }
        set {
            func part(_ number: Int) -> [Double] {
                Array(newValue[number * values.count..<(number + 1) * values.count])
            }
            (values, first, second, updates) = (part(0), part(1), part(2), part(3))
        }
    }

    func accepts(_ state: [Double]) -> Bool {
        let rest = state.dropFirst(2 * values.count)
        return rest.prefix(values.count).allSatisfy { $0 >= 0 }
            && rest.dropFirst(values.count).allSatisfy { $0 >= 0 && $0 == $0.rounded() }
    }
}
