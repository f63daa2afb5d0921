import Synchronization

/// `result = left · op(right)`, or that added to what is there, for the rows of several shards, operands in bfloat16, with the
/// bits that each shard's product has by itself.
///
/// Where it makes no difference the shards' rows are multiplied at once, because one large product is faster than several.
///
/// - Parameters:
///   - left: [rows, k].
///   - shardOffsets: [shards + 1], where each shard's rows begin.
///   - right: [k, n], or [n, k] where transposed.
///   - result: [rows, n]; overwritten, or added to.
public func multiplyShards(
    _ left: BFloat16View, shardOffsets: [Int], _ right: BFloat16View, _ rightOperand: Operand,
    into result: MatrixView, adds: Bool = false
) {
    require(shardOffsets.last == left.rows, "shards that do not cover the rows of a product")
    let shape = BFloat16RowIndependence.Shape(
        k: left.columns, n: result.columns, rightOperand: rightOperand, adds: adds)
    func joins(_ shard: Int) -> Bool {
        let rows = shardOffsets[shard + 1] - shardOffsets[shard]
        // One row alone is a product of a matrix and a vector, with sums in another order.
        return rows != 1 && BFloat16RowIndependence.holds(for: shape)
    }
    var start = 0
    while start < shardOffsets.count - 1 {
        var end = start + 1
        if joins(start) { while end < shardOffsets.count - 1, joins(end) { end += 1 } }
        let rows = shardOffsets[start]..<shardOffsets[end]
        multiply(left.rows(rows), .asIs, right, rightOperand, into: result.rows(rows), adds: adds)
        start = end
    }
}

/// Whether oneDNN gives each row of a product the same bits whatever other rows are computed with it.
///
/// It does wherever it was tried, but for a product of one row. Nothing documents this, so it is tried out, once for each kind
/// of product that a model asks for.
private enum BFloat16RowIndependence {
    /// What decides the path of a product, apart from the number of rows.
    struct Shape: Hashable {
        let k, n: Int
        let rightOperand: Operand
        let adds: Bool
    }

    private static let known = Mutex<[Shape: Bool]>([:])

    static func holds(for shape: Shape) -> Bool {
        if let answer = known.withLock({ $0[shape] }) { return answer }
        let answer = isFound(for: shape)
        known.withLock { $0[shape] = answer }
        return answer
    }

    /// Compares products of some of the rows with those of all of them.
    private static func isFound(for shape: Shape) -> Bool {
        let rows = 200
        let (leftMemory, rightMemory) = (GrowingBuffer(), GrowingBuffer())
        let results = FloatBuffer(count: 2 * rows * shape.n)
        return withExtendedLifetime((leftMemory, rightMemory, results)) {
            let left = random(rows, shape.k, stream: 0, in: leftMemory)
            let right =
                shape.rightOperand == .asIs
                ? random(shape.k, shape.n, stream: 1, in: rightMemory)
                : random(shape.n, shape.k, stream: 1, in: rightMemory)
            let both = results.view.matrix(rows: 2 * rows, columns: shape.n)
            let (whole, part) = (both.rows(0..<rows), both.rows(rows..<2 * rows))
            func product(_ range: Range<Int>, into result: MatrixView) {
                result.flattened.fill(1)
                multiply(
                    left.rows(range), .asIs, right, shape.rightOperand, into: result, adds: shape.adds)
            }
            product(0..<rows, into: whole)
            return [2, 3, 15, 16, 31, 64, 101, 150].allSatisfy { count in
                let range = (rows - count) / 3..<(rows - count) / 3 + count
                product(range, into: part.rows(0..<count))
                return (0..<count * shape.n).allSatisfy {
                    part.base[$0].bitPattern == whole.base[range.lowerBound * shape.n + $0].bitPattern
                }
            }
        }
    }

    private static func random(_ rows: Int, _ columns: Int, stream: UInt32, in buffer: GrowingBuffer) -> BFloat16View {
        let values = FloatBuffer(count: rows * columns)
        return withExtendedLifetime(values) {
            Philox(key: 7).fillNormal(values.view, stream: stream, deviation: 1)
            let view = buffer.bfloat16Matrix(rows: rows, columns: columns)
            convert(values.view.matrix(rows: rows, columns: columns), into: view)
            return view
        }
    }
}
