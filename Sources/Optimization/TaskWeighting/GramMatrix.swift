import LinearAlgebra

/// The dot products of some vectors: all that can be known of how they lie to each other.
public struct GramMatrix: Sendable, Equatable {
    /// How many vectors.
    public let count: Int
    private var products: [Double]

    /// - Parameter pairs: the products (0, 0), (0, 1), …, (1, 1), …: each pair once.
    public init(count: Int, pairs: [Double]) {
        require(pairs.count == count * (count + 1) / 2, "\(pairs.count) products of \(count) vectors")
        self.count = count
        products = Array(repeating: 0, count: count * count)
        var next = pairs.makeIterator()
        for row in 0..<count {
            for column in row..<count {
                let product = next.next() ?? 0
                (products[row * count + column], products[column * count + row]) = (product, product)
            }
        }
    }

    public subscript(row: Int, column: Int) -> Double { products[row * count + column] }

    /// The lengths of the vectors.
    public var norms: [Double] { (0..<count).map { self[$0, $0].squareRoot() } }

    /// The cosine of the angle between each pair, row by row; not a number where one of them is zero.
    public var cosines: [[Double]] {
        let norms = norms
        return (0..<count).map { row in
            (0..<count).map { self[row, $0] / (norms[row] * norms[$0]) }
        }
    }

    /// The product of each vector with Σ factors[k] · vector k.
    func times(_ factors: [Double]) -> [Double] {
        (0..<count).map { row in (0..<count).reduce(0) { $0 + self[row, $1] * factors[$1] } }
    }

    /// The products of the vectors, each multiplied by its factor.
    func scaled(by factors: [Double]) -> GramMatrix {
        var scaled = self
        for row in 0..<count {
            for column in 0..<count { scaled.products[row * count + column] *= factors[row] * factors[column] }
        }
        return scaled
    }

    /// The products of some of the vectors, by their places.
    func only(_ places: [Int]) -> GramMatrix {
        GramMatrix(
            count: places.count,
            pairs: places.indices.flatMap { row in places[row...].map { self[places[row], $0] } })
    }
}

/// The dot product of two small arrays.
func dot(_ left: [Double], _ right: [Double]) -> Double { zip(left, right).reduce(0) { $0 + $1.0 * $1.1 } }

/// Solves the symmetric positive definite system A x = b for some right sides (Cholesky; Golub and Van Loan 2013, section 4.2.3).
///
/// - Parameters:
///   - entry: of A, of which only the lower triangle is asked for.
/// - Returns: a solution for each right side; nil where A is not positive definite.
func solvePositiveDefinite(_ rightSides: [[Double]], entry: (Int, Int) -> Double) -> [[Double]]? {
    let count = rightSides.first?.count ?? 0
    var lower = [[Double]](repeating: Array(repeating: 0, count: count), count: count)
    for row in 0..<count {
        for column in 0...row {
            let rest = (0..<column).reduce(entry(row, column)) { $0 - lower[row][$1] * lower[column][$1] }
            if row == column {
                guard rest > 0 else { return nil }
                lower[row][row] = rest.squareRoot()
            } else {
                lower[row][column] = rest / lower[column][column]
            }
        }
    }
    return rightSides.map { side in
        var solution = side
        for row in 0..<count {
            let rest = (0..<row).reduce(solution[row]) { $0 - lower[row][$1] * solution[$1] }
            solution[row] = rest / lower[row][row]
        }
        for row in (0..<count).reversed() {
            let rest = (row + 1..<count).reduce(solution[row]) { $0 - lower[$1][row] * solution[$1] }
            solution[row] = rest / lower[row][row]
        }
        return solution
    }
}
