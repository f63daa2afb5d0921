import Synchronization

/// Whether OpenBLAS gives each row of a product the same bits whatever other rows are computed with it.
///
/// It does with its kernels for AVX-512, but for small products, which take another path; it does not with those for AVX2.
/// Nothing documents this, so it is tried out, once for each kind of product that a model asks for.
enum RowIndependence {
    /// What decides the path of a product: the sizes of the right operand, its operand, and whether the result is added to.
    struct Shape: Hashable {
        let k, n: Int
        let rightOperand: Operand
        let keeps: Bool
    }

    private static let known = Mutex<[Shape: Bool]>([:])
    /// Products of at most so many multiplications take OpenBLAS's path for small matrices (`gemm_small_matrix_permit`).
    private static let smallProduct = 1_000_000

    /// Whether a shard of so many rows may be computed together with others.
    static func allowsJoining(rows: Int, _ shape: Shape) -> Bool {
        if rows == 0 { return true }
        guard rows > 1, rows * shape.k * shape.n > smallProduct else { return false }
        if let answer = known.withLock({ $0[shape] }) { return answer }
        let answer = holds(for: shape)
        known.withLock { $0[shape] = answer }
        return answer
    }

    /// Compares products of some of the rows with those of all of them.
    private static func holds(for shape: Shape) -> Bool {
        let rows = 200
        let smallest = max(2, smallProduct / (shape.k * shape.n) + 1)
        let memory = FloatBuffer(count: rows * shape.k + shape.k * shape.n + 2 * rows * shape.n)
        var place = 0
        func matrix(_ rows: Int, _ columns: Int) -> MatrixView {
            defer { place += rows * columns }
            return memory.view.slice(place..<place + rows * columns).matrix(rows: rows, columns: columns)
        }
        let left = matrix(rows, shape.k)
        let right = shape.rightOperand == .asIs ? matrix(shape.k, shape.n) : matrix(shape.n, shape.k)
        let (whole, part) = (matrix(rows, shape.n), matrix(rows, shape.n))
        for (index, operand) in [left, right].enumerated() {
            Philox(key: 7).fillNormal(operand.flattened, stream: UInt32(index), deviation: 1)
        }
        func product(_ range: Range<Int>, into result: MatrixView) {
            result.flattened.fill(1)
            multiply(left.rows(range), .asIs, right, shape.rightOperand, into: result, keep: shape.keeps ? 1 : 0)
        }
        product(0..<rows, into: whole)
        return [smallest, 31, 64, 101, 150].filter { $0 >= smallest && $0 < rows }.allSatisfy { count in
            let range = (rows - count) / 3..<(rows - count) / 3 + count
            product(range, into: part.rows(0..<count))
            return (0..<count * shape.n).allSatisfy {
                part.base[$0].bitPattern == whole.base[range.lowerBound * shape.n + $0].bitPattern
            }
        }
    }
}

/// `result = left · op(right) + keep · result` for the rows of several shards, with the bits that each shard's product has by
/// itself.
///
/// Where it makes no difference the shards' rows are multiplied at once, because one large product is faster than several.
///
/// - Parameters:
///   - left: [rows, k].
///   - shardOffsets: [shards + 1], where each shard's rows begin.
///   - right: [k, n], or [n, k] where transposed.
///   - result: [rows, n]; overwritten where `keep` is 0.
public func multiplyShards(
    _ left: MatrixView, shardOffsets: [Int], _ right: MatrixView, _ rightOperand: Operand, into result: MatrixView,
    keep: Float = 0
) {
    require(shardOffsets.last == left.rows, "shards that do not cover the rows of a product")
    let shape = RowIndependence.Shape(
        k: left.columns, n: result.columns, rightOperand: rightOperand, keeps: keep != 0)
    func joins(_ shard: Int) -> Bool {
        RowIndependence.allowsJoining(rows: shardOffsets[shard + 1] - shardOffsets[shard], shape)
    }
    var start = 0
    while start < shardOffsets.count - 1 {
        var end = start + 1
        if joins(start) { while end < shardOffsets.count - 1, joins(end) { end += 1 } }
        let rows = shardOffsets[start]..<shardOffsets[end]
        multiply(left.rows(rows), .asIs, right, rightOperand, into: result.rows(rows), keep: keep)
        start = end
    }
}
