import LinearAlgebra

/// A product of a linear layer, in either precision. It falls into parts, each of which gives its elements of the result the bits
/// that they have in the whole.
struct LinearProduct {
    enum Operands {
        case single(MatrixView, MatrixView)
        case half(BFloat16View, BFloat16View)
    }

    enum Kind: Equatable {
        /// `result = left · op(right)`, or that added to what is there: each shard's rows by themselves.
        case rows(right: Operand, adds: Bool)
        /// `result = Σ leftᵀ · right`, as the balanced binary tree over the shards of all runs.
        case shards
    }

    /// Consecutive shards whose rows stand together.
    struct Run {
        var operands: Operands
        /// [shards + 1], where each shard's rows begin in the left operand.
        let shardOffsets: [Int]
    }

    let kind: Kind
    /// One; of a product over shards, one for each lane whose shards take part.
    let runs: [Run]
    let result: MatrixView

    /// - Parameter tree: memory for the tree over shards of products in bfloat16.
    func run(_ scratch: ProductScratch, tree: GrowingBuffer) {
        switch (kind, runs[0].operands) {
        case (.rows(let operand, let adds), .single(let left, let right)):
            multiply(left, right, operand, into: result, adds: adds, scratch: scratch)
        case (.rows(let operand, let adds), .half(let left, let right)):
            multiplyShards(left, shardOffsets: runs[0].shardOffsets, right, operand, into: result, adds: adds)
        case (.shards, .single):
            multiplyShardwise(
                runs.compactMap { run in
                    guard case .single(let left, let right) = run.operands else { return nil }
                    return ShardRun(left, right, shardOffsets: run.shardOffsets)
                }, into: result, scratch: scratch)
        case (.shards, .half):
            multiplyShardwise(
                runs.compactMap { run in
                    guard case .half(let left, let right) = run.operands else { return nil }
                    return ShardRun(left, right, shardOffsets: run.shardOffsets)
                }, into: result, scratch: tree)
        }
    }

    // MARK: Parts

    /// One of the parts, as a product of its own.
    ///
    /// - Parameter grid: `grid` of the product, or `commonGrid`.
    func part(_ index: Int, of grid: BlockGrid) -> LinearProduct {
        let (rows, columns) = grid.ranges(index)
        return LinearProduct(
            kind: kind,
            runs: runs.map { Run(operands: part($0.operands, rows, columns), shardOffsets: $0.shardOffsets) },
            result: result.rows(rows).columns(columns))
    }

    private func part(_ operands: Operands, _ rows: Range<Int>, _ columns: Range<Int>) -> Operands {
        switch (kind, operands) {
        case (.rows(let operand, _), .single(let left, let right)):
            .single(left.rows(rows), operand == .asIs ? right.columns(columns) : right.rows(columns))
        case (.rows(let operand, _), .half(let left, let right)):
            .half(left.rows(rows), operand == .asIs ? right.columns(columns) : right.rows(columns))
        case (.shards, .single(let left, let right)): .single(left.columns(rows), right.columns(columns))
        case (.shards, .half(let left, let right)): .half(left.columns(rows), right.columns(columns))
        }
    }

    /// The parts, as blocks of the result.
    var grid: BlockGrid {
        let (rows, columns) = (result.rows, result.columns)
        switch (kind, runs[0].operands) {
        case (.rows, .single):
            return BlockGrid(rows: rows, columns: columns, height: rows, width: 128)
        case (.rows(let operand, let adds), .half(let left, _)):
            let (k, width) = (left.columns, Self.partSize(of: columns))
            let divides = columnsAreIndependent(k: k, n: columns, operand, adds: adds, width: width)
            return BlockGrid(rows: rows, columns: columns, height: rows, width: divides ? width : columns)
        case (.shards, .single):
            return Self.stripes(rows, columns)
        case (.shards, .half):
            let stripes = Self.stripes(rows, columns)
            return stripesAreIndependent(stripes) ? stripes : .ofShardwiseProduct(rows: rows, columns: columns)
        }
    }

    /// The parts of a product over the shards of several lanes. There are other such products to go on with, so that parts may
    /// be large: the larger and the more nearly square they are, the less of the operands is copied more than once.
    var commonGrid: BlockGrid {
        let (rows, columns) = (result.rows, result.columns)
        let side = max(384, min(rows, columns))
        let squares = BlockGrid(rows: rows, columns: columns, height: side, width: side)
        if case .single = runs[0].operands { return squares }
        let own = BlockGrid.ofShardwiseProduct(rows: rows, columns: columns)
        return squares.count > own.count && stripesAreIndependent(squares) ? squares : own
    }

    /// A matrix cut along its longer side.
    private static func stripes(_ rows: Int, _ columns: Int) -> BlockGrid {
        rows > columns
            ? BlockGrid(rows: rows, columns: columns, height: partSize(of: rows), width: columns)
            : BlockGrid(rows: rows, columns: columns, height: rows, width: partSize(of: columns))
    }

    /// Eight parts, where each has some hundreds of microseconds' work: an even number of them for usual models, so that two
    /// lanes share them alike.
    private static func partSize(of count: Int) -> Int { max(192, (count / 8 + 15) / 16 * 16) }
}

/// Where the numbers of a job stand. A matrix is its place, rows, columns and stride.
private enum JobField {
    /// 0 for a product over shards; of rows 1 where the right operand is read as it is, 2 where transposed.
    static let kind = 0
    static let adds = 1
    /// 0 for operands in single precision, 1 for bfloat16.
    static let precision = 2
    static let left = 3
    static let right = 7
    static let result = 11
    /// Of a part.
    static let height = 15
    static let width = 16
    /// To the end.
    static let shardOffsets = 17
}

extension LinearProduct {
    /// Numbers that a job over so many shards has.
    static func jobSize(shards: Int) -> Int { JobField.shardOffsets + shards + 1 }

    /// The product, of one run, as numbers in the order of `JobField`; memory is named by its place.
    ///
    /// - Returns: nil where not all of its memory has a place.
    func job(_ grid: BlockGrid, _ place: (UnsafeRawPointer) -> Int?) -> [Int]? {
        var numbers: [Int]
        switch kind {
        case .rows(let right, let adds): numbers = [right == .asIs ? 1 : 2, adds ? 1 : 0]
        case .shards: numbers = [0, 0]
        }
        func append(_ base: UnsafeRawPointer, _ rows: Int, _ columns: Int, _ stride: Int) -> Bool {
            // A matrix without rows may be anywhere.
            guard let place = rows == 0 ? 0 : place(base) else { return false }
            numbers += [place, rows, columns, stride]
            return true
        }
        func append(_ view: MatrixView) -> Bool { append(view.base, view.rows, view.columns, view.stride) }
        func append(_ view: BFloat16View) -> Bool { append(view.base, view.rows, view.columns, view.stride) }
        switch runs[0].operands {
        case .single(let left, let right):
            numbers.append(0)
            guard append(left), append(right), append(result) else { return nil }
        case .half(let left, let right):
            numbers.append(1)
            guard append(left), append(right), append(result) else { return nil }
        }
        return numbers + [grid.height, grid.width] + runs[0].shardOffsets
    }

    /// One part of what jobs described: the products of several runs into the same result are one product.
    init(
        part: Int, of jobs: [UnsafeBufferPointer<Int>], _ pointer: (Int) -> UnsafeMutableRawPointer
    ) {
        func single(_ job: UnsafeBufferPointer<Int>, _ start: Int) -> MatrixView {
            MatrixView(
                pointer(job[start]).assumingMemoryBound(to: Float.self), rows: job[start + 1],
                columns: job[start + 2], stride: job[start + 3])
        }
        func half(_ job: UnsafeBufferPointer<Int>, _ start: Int) -> BFloat16View {
            BFloat16View(
                pointer(job[start]).assumingMemoryBound(to: UInt16.self), rows: job[start + 1],
                columns: job[start + 2], stride: job[start + 3])
        }
        let first = jobs[0]
        let whole = LinearProduct(
            kind: first[JobField.kind] == 0
                ? .shards
                : .rows(
                    right: first[JobField.kind] == 1 ? .asIs : .transposed, adds: first[JobField.adds] == 1),
            runs: jobs.map { job in
                Run(
                    operands: job[JobField.precision] == 0
                        ? .single(single(job, JobField.left), single(job, JobField.right))
                        : .half(half(job, JobField.left), half(job, JobField.right)),
                    shardOffsets: Array(job[JobField.shardOffsets...]))
            }, result: single(first, JobField.result))
        let grid = BlockGrid(
            rows: whole.result.rows, columns: whole.result.columns, height: first[JobField.height],
            width: first[JobField.width])
        self = whole.part(part, of: grid)
    }
}
