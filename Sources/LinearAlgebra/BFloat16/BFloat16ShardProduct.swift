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
    let shape = BFloat16Independence.Shape(
        k: left.columns, n: result.columns, rightOperand: rightOperand, adds: adds, width: result.columns)
    func joins(_ shard: Int) -> Bool {
        let rows = shardOffsets[shard + 1] - shardOffsets[shard]
        // One row alone is a product of a matrix and a vector, with sums in another order.
        return rows != 1 && BFloat16Independence.holds(for: shape)
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

/// Whether so many columns at a time of a product by `multiplyShards` have the bits that they have in the whole.
public func columnsAreIndependent(k: Int, n: Int, _ rightOperand: Operand, adds: Bool, width: Int) -> Bool {
    if n <= width { return true }
    return BFloat16Independence.holds(for: .init(k: k, n: n, rightOperand: rightOperand, adds: adds, width: width))
}

/// Whether oneDNN gives each row of a product, or each element of some of its columns, the same bits whatever others are computed
/// with it.
///
/// It does wherever it was tried, but for a product of one row. Nothing documents this, so it is tried out, once for each kind
/// of product that a model asks for.
private enum BFloat16Independence {
    /// What decides the path of a product, apart from the number of rows.
    struct Shape: Hashable {
        let k, n: Int
        let rightOperand: Operand
        let adds: Bool
        /// Columns that are computed at a time; all of them where only rows are to be independent.
        let width: Int
    }

    private static let known = Mutex<[Shape: Bool]>([:])

    static func holds(for shape: Shape) -> Bool {
        if BFloat16Support.here == .emulated { return true }
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
            func product(_ range: Range<Int>, width: Int, into result: MatrixView) {
                result.flattened.fill(1)
                for start in stride(from: 0, to: shape.n, by: width) {
                    let columns = start..<min(start + width, shape.n)
                    multiply(
                        left.rows(range), .asIs,
                        shape.rightOperand == .asIs ? right.columns(columns) : right.rows(columns),
                        shape.rightOperand, into: result.columns(columns), adds: shape.adds)
                }
            }
            if shape.width < shape.n {
                // One row, whose sums are in another order, and so are held against each other only.
                product(0..<1, width: shape.n, into: whole.rows(0..<1))
                product(0..<1, width: shape.width, into: part.rows(0..<1))
                let isSame = (0..<shape.n).allSatisfy { part.base[$0].bitPattern == whole.base[$0].bitPattern }
                if !isSame { return false }
            }
            product(0..<rows, width: shape.n, into: whole)
            return [2, 3, 15, 16, 31, 64, 101, 150, rows].allSatisfy { count in
                let range = (rows - count) / 3..<(rows - count) / 3 + count
                product(range, width: shape.width, into: part.rows(0..<count))
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
