import Foundation
import Kernels
import LinearAlgebra

/// The kernels once more, in `Double` and as plain as the papers write them.
enum Reference {
    static func normalDistribution(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }

    static func activation(_ x: Double, _ activation: Activation) -> Double {
        switch activation {
        case .gelu: x * normalDistribution(x)
        case .geluNew: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .relu: max(x, 0)
        }
    }

    static func softmax(_ scores: [Double]) -> [Double] {
        let top = scores.max() ?? 0
        let powers = scores.map { exp($0 - top) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    static func layerNorm(_ input: Grid, scale: Grid, shift: Grid, epsilon: Double) -> Grid {
        var output = input
        let count = Double(input.columns)
        for row in 0..<input.rows {
            let values = (0..<input.columns).map { input[row, $0] }
            let mean = values.reduce(0, +) / count
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
            for column in 0..<input.columns {
                let normalized = (values[column] - mean) / (variance + epsilon).squareRoot()
                output[row, column] = normalized * scale[0, column] + shift[0, column]
            }
        }
        return output
    }

    /// `leftᵀ · right`.
    static func transposedProduct(_ left: Grid, _ right: Grid) -> Grid {
        Grid(left.columns, right.columns) { row, column in
            (0..<left.rows).reduce(0) { $0 + left[$1, row] * right[$1, column] }
        }
    }

    /// Self-attention of one sequence in one attention head; the three inputs are [length, headSize].
    static func attention(query: Grid, key: Grid, value: Grid, mask: Grid) -> Grid {
        var context = Grid(query.rows, value.columns)
        let scale = 1 / Double(query.columns).squareRoot()
        for row in 0..<query.rows {
            let scores = (0..<key.rows).map { other in
                scale * (0..<query.columns).reduce(0) { $0 + query[row, $1] * key[other, $1] }
            }
            for (other, probability) in softmax(scores).enumerated() {
                for column in 0..<value.columns {
                    context[row, column] += mask[row, other] * probability * value[other, column]
                }
            }
        }
        return context
    }
}

extension Grid {
    func rows(_ range: Range<Int>, columns other: Range<Int>) -> Grid {
        Grid(range.count, other.count) { self[range.lowerBound + $0, other.lowerBound + $1] }
    }

    func map(_ transform: (Double) -> Double) -> Grid { Grid(rows: rows, columns: columns, values.map(transform)) }

    /// Element by element; a `right` of one row counts for every row.
    func combined(_ right: Grid, _ combine: (Double, Double) -> Double) -> Grid {
        Grid(rows, columns) { combine(self[$0, $1], right[right.rows == 1 ? 0 : $0, $1]) }
    }
}

/// What a dropout does to ones: zero for an element that is dropped, the scale for one that is kept.
func mask(_ dropout: DropoutSite, _ rows: Int, _ columns: Int) -> Grid {
    let memory = GuardedMemory()
    let ones = memory.matrix(Grid(rows, columns) { _, _ in 1 })
    dropOut(ones, dropout, into: ones)
    return Grid(ones)
}

/// Dropout at some place with a third of the elements dropped.
func someDropout(_ site: DropoutSite.Site, probability: Float = 1.0 / 3) -> DropoutSite {
    DropoutSite(key: 1234, shard: 3, layer: 2, site: site, probability: probability)
}
