import LinearAlgebra

/// The gradients of several tasks by themselves, in the ranges that this rank owns: what methods need that look at how the
/// tasks' gradients lie to each other.
///
/// The flat buffer begins with the parameters that all tasks share; behind them come those that belong to single tasks, of which
/// every other task's gradient is zero. All results have the same bits on any number of ranks.
///
/// Memory: for each task as many elements as the rank owns, as far as they are written; rows of the sparse table that a task
/// never touches take none.
public final class TaskGradients {
    private let ranges: OwnedRanges
    private let rank: Int
    private let table: SparseTable
    private let sharedCount: Int
    private let buffers: [PagedBuffer]
    /// Of each buffer the rows of the table that hold something.
    private var writtenRows: [[Int32]]

    /// - Parameters:
    ///   - exchange: what the gradients are summed by.
    ///   - rank: whose owned ranges they are.
    ///   - sharedCount: elements of the flat buffer that all tasks share, at its start.
    public init(_ exchange: any ReplicaExchange, rank: Int, taskCount: Int, sharedCount: Int) {
        (ranges, table) = (exchange.ranges, exchange.table)
        self.rank = rank
        self.sharedCount = sharedCount
        buffers = (0..<taskCount).map { _ in
            PagedBuffer(count: exchange.ranges.count, sparseCount: exchange.table.count)
        }
        writtenRows = Array(repeating: [], count: taskCount)
    }

    /// Collective: sums what the lanes hold as the gradient of one task, and gives the lanes free.
    ///
    /// - Parameters:
    ///   - touchedRows, summed: see `ReplicaExchange.sumOwnedGradients`.
    public func sum(
        task: Int, touchedRows: [[Int32]], summed: [Range<Int>] = [], by exchange: any ReplicaExchange
    ) throws {
        let target = buffers[task].view
        for range in ranges.ranges(of: rank) {
            for row in writtenRows[task] { target.slice(table.elements(ofRow: Int(row), in: range)).fill(0) }
        }
        writtenRows[task] = try exchange.sumOwnedGradients(
            touchedRows: touchedRows, summed: summed, into: target
        ).writtenRows
        try exchange.releaseGradients()
    }

    /// The dot products of the shared parts of some tasks' gradients, in `Double`, block by block.
    ///
    /// - Returns: for each owned block, ascending, the product of each pair: (0, 0), (0, 1), …, (1, 1), … by places in `tasks`.
    public func blockProducts(of tasks: [Int]) -> [Double] {
        let width = Self.pairCount(tasks.count)
        var products: [Double] = []
        products.reserveCapacity(ranges.largestBlockCount * width)
        let gradients = tasks.map { buffers[$0].view }
        forEachBlock(of: tasks) { block, elements in
            let start = products.count
            products += repeatElement(0, count: width)
            _ = elements.forEachPart(of: block) { all, _ in
                let shared = all.clamped(to: 0..<sharedCount)
                if !shared.isEmpty { addDotProducts(gradients, in: shared, to: &products[start...]) }
            }
        }
        return products
    }

    /// How many pairs `blockProducts` tells of.
    public static func pairCount(_ taskCount: Int) -> Int { taskCount * (taskCount + 1) / 2 }

    /// Overwrites the owned ranges of a flat buffer with Σ factors[k] · gradient of `tasks[k]` where the tasks share it, and
    /// with each task's own gradient behind that.
    ///
    /// - Parameter target: rows of the table that none of the tasks touched must be zero in it.
    public func combine(_ tasks: [Int], factors: [Float], into target: VectorView) -> OwnedSum {
        var sum = OwnedSum()
        let ones = [Float](repeating: 1, count: factors.count)
        let gradients = tasks.map { buffers[$0].view }
        forEachBlock(of: tasks) { block, elements in
            let isWritten = elements.forEachPart(of: block) { all, _ in
                let cut = min(max(all.lowerBound, sharedCount), all.upperBound)
                for (part, factors) in [(all.lowerBound..<cut, factors), (cut..<all.upperBound, ones)]
                where !part.isEmpty {
                    LinearAlgebra.combine(gradients, factors: factors, in: part, into: target)
                }
            }
            sum.squares.append(isWritten ? sumOfSquares(target.slice(block)) : 0)
        }
        sum.writtenRows = rows(ofAnyOf: tasks)
        return sum
    }

    private func rows(ofAnyOf tasks: [Int]) -> [Int32] {
        tasks.reduce(into: Set<Int32>()) { $0.formUnion(writtenRows[$1]) }.sorted()
    }

    private func forEachBlock(of tasks: [Int], _ body: (Range<Int>, inout TouchedElements) -> Void) {
        let written = rows(ofAnyOf: tasks)
        for range in ranges.ranges(of: rank) {
            let own = table.rows(in: range)
            var elements = TouchedElements(table, rows: written.filter { own.contains(Int($0)) })
            for start in stride(from: range.lowerBound, to: range.upperBound, by: ranges.blockSize) {
                body(start..<min(start + ranges.blockSize, range.upperBound), &elements)
            }
        }
    }
}
