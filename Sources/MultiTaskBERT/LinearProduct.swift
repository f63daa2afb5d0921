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
        /// `result = Σ leftᵀ · right`, as the balanced binary tree over the shards.
        case shards
    }

    let kind: Kind
    let operands: Operands
    let result: MatrixView
    /// [shards + 1], where each shard's rows begin in the left operand.
    let shardOffsets: [Int]

    /// - Parameter tree: memory for the tree over shards of products in bfloat16.
    func run(_ scratch: ProductScratch, tree: GrowingBuffer) {
        switch (kind, operands) {
        case (.rows(let operand, let adds), .single(let left, let right)):
            multiply(left, right, operand, into: result, adds: adds, scratch: scratch)
        case (.rows(let operand, let adds), .half(let left, let right)):
            multiplyShards(left, shardOffsets: shardOffsets, right, operand, into: result, adds: adds)
        case (.shards, .single(let left, let right)):
            multiplyShardwise(transposed: left, right, shardOffsets: shardOffsets, into: result, scratch: scratch)
        case (.shards, .half(let left, let right)):
            multiplyShardwise(transposed: left, right, shardOffsets: shardOffsets, into: result, scratch: tree)
        }
    }

    // MARK: Parts

    /// One of the parts, as a product of its own.
    ///
    /// - Parameter grid: `grid` of the product.
    func part(_ index: Int, of grid: BlockGrid) -> LinearProduct {
        let (rows, columns) = grid.ranges(index)
        let own: Operands =
            switch (kind, operands) {
            case (.rows(let operand, _), .single(let left, let right)):
                .single(left.rows(rows), operand == .asIs ? right.columns(columns) : right.rows(columns))
            case (.rows(let operand, _), .half(let left, let right)):
                .half(left.rows(rows), operand == .asIs ? right.columns(columns) : right.rows(columns))
            case (.shards, .single(let left, let right)): .single(left.columns(rows), right.columns(columns))
            case (.shards, .half(let left, let right)): .half(left.columns(rows), right.columns(columns))
            }
        return LinearProduct(
            kind: kind, operands: own, result: result.rows(rows).columns(columns), shardOffsets: shardOffsets)
    }

    /// The parts, as blocks of the result.
    var grid: BlockGrid {
        let (rows, columns) = (result.rows, result.columns)
        switch (kind, operands) {
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

extension LinearProduct {
    /// The product and its parts as numbers, memory named by its place; nil where not all of it has one.
    func job(_ grid: BlockGrid, _ place: (UnsafeRawPointer) -> Int?) -> [Int]? {
        var numbers: [Int]
        switch kind {
        case .rows(let right, let adds): numbers = [right == .asIs ? 1 : 2, adds ? 1 : 0]
        case .shards: numbers = [0, 0]
        }
        func append(_ base: UnsafeRawPointer, _ rows: Int, _ columns: Int, _ stride: Int) -> Bool {
            guard let place = place(base) else { return false }
            numbers += [place, rows, columns, stride]
            return true
        }
        func append(_ view: MatrixView) -> Bool { append(view.base, view.rows, view.columns, view.stride) }
        func append(_ view: BFloat16View) -> Bool { append(view.base, view.rows, view.columns, view.stride) }
        switch operands {
        case .single(let left, let right):
            numbers.append(0)
            guard append(left), append(right), append(result) else { return nil }
        case .half(let left, let right):
            numbers.append(1)
            guard append(left), append(right), append(result) else { return nil }
        }
        return numbers + [grid.height, grid.width] + shardOffsets
    }

    /// One part of what `job` described.
    init(part: Int, of job: UnsafeBufferPointer<Int>, _ pointer: (Int) -> UnsafeMutableRawPointer) {
        func single(_ start: Int) -> MatrixView {
            MatrixView(
                pointer(job[start]).assumingMemoryBound(to: Float.self), rows: job[start + 1],
                columns: job[start + 2], stride: job[start + 3])
        }
        func half(_ start: Int) -> BFloat16View {
            BFloat16View(
                pointer(job[start]).assumingMemoryBound(to: UInt16.self), rows: job[start + 1],
                columns: job[start + 2], stride: job[start + 3])
        }
        let whole = LinearProduct(
            kind: job[0] == 0 ? .shards : .rows(right: job[0] == 1 ? .asIs : .transposed, adds: job[1] == 1),
            operands: job[2] == 0 ? .single(single(3), single(7)) : .half(half(3), half(7)), result: single(11),
            shardOffsets: Array(job[17...]))
        let (rows, columns) = (whole.result.rows, whole.result.columns)
        self = whole.part(part, of: BlockGrid(rows: rows, columns: columns, height: job[15], width: job[16]))
    }
}
