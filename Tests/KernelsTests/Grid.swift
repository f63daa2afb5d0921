import Foundation
import LinearAlgebra

/// A small matrix in `Double`, for the reference implementations.
struct Grid: Sendable {
    let rows: Int
    let columns: Int
    var values: [Double]

    init(rows: Int, columns: Int, _ values: [Double]) {
        precondition(values.count == rows * columns)
        (self.rows, self.columns, self.values) = (rows, columns, values)
    }

    init(_ rows: Int, _ columns: Int, _ value: (_ row: Int, _ column: Int) -> Double = { _, _ in 0 }) {
        self.init(rows: rows, columns: columns, (0..<rows * columns).map { value($0 / columns, $0 % columns) })
    }

    /// Normal variates that single precision holds exactly.
    init(_ rows: Int, _ columns: Int, seed: UInt64, deviation: Double = 1, mean: Double = 0) {
        var random = TestRandom(seed: seed)
        self.init(rows, columns) { _, _ in Double(Float(mean + deviation * random.normal())) }
    }

    init(_ view: MatrixView) {
        self.init(view.rows, view.columns) { Double(view[$0, $1]) }
    }

    init(_ view: VectorView) {
        self.init(rows: 1, columns: view.count, view.array.map(Double.init))
    }

    subscript(row: Int, column: Int) -> Double {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    /// The largest magnitude of an element.
    var largest: Double { values.reduce(0) { max($0, abs($1)) } }

    /// The largest difference of an element; NaN where one of them is, infinite where the sizes differ.
    func distance(to other: Grid) -> Double {
        guard rows == other.rows, columns == other.columns else { return .infinity }
        return zip(values, other.values).reduce(0) { worst, pair in
            let difference = abs(pair.0 - pair.1)
            return difference.isNaN || worst.isNaN ? .nan : max(worst, difference)
        }
    }
}

/// Random numbers of the tests themselves: SplitMix64 (Steele et al. 2014).
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// Box and Muller 1958.
    mutating func normal() -> Double {
        let radius = (-2 * log(Double.random(in: 1e-9..<1, using: &self))).squareRoot()
        return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self))
    }
}
