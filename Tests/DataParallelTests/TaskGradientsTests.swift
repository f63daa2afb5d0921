import DataParallel
import LinearAlgebra
import MPI
import Testing

/// Products and combinations of the gradients of several tasks over ranks and lanes, against plain loops over whole vectors.
@Suite struct TaskGradientsTests {
    private static let (count, sharedCount, taskCount) = (3000, 2900, 3)
    private static let table = SparseTable(rows: 70, columns: 19)
    /// Not in the second of two steps, where rows of the step before must not show.
    private static let absent = 1

    private static func tasks(step: Int) -> [Int] { (0..<taskCount).filter { step == 0 || $0 != absent } }

    private static func exchangeCase(_ kind: ExchangeKind, _ worldSize: Int, lanes: Int) -> ExchangeCase {
        ExchangeCase(kind: kind, worldSize: worldSize, lanes: lanes, count: count, table: table)
    }

    /// One lane's gradient of one task: behind the shared part it is zero but for the task's own elements.
    private static func fill(_ vector: VectorView, _ one: ExchangeCase, lane: Int, task: Int, step: Int) -> [Int32] {
        let touched = one.fill(vector, lane: lane, step: 10 * step + task)
        for place in sharedCount..<count where (place - sharedCount) / 30 != task { vector[place] = 0 }
        return touched
    }

    /// The gradient of one task over all lanes.
    private static func whole(_ one: ExchangeCase, task: Int, step: Int) -> [Float] {
        let memory = FloatBuffer(count: count)
        return one.tree(
            (0..<one.worldSize * one.lanes).map { lane in
                _ = fill(memory.view, one, lane: lane, task: task, step: step)
                return memory.view.array
            })
    }

    struct Outcome: Sendable, Equatable {
        /// Of each step, the sums over all blocks.
        var products: [[Double]] = []
        var combined: [[UInt32]] = []
        var squares: [[Double]] = []
    }

    private static let factors: [Float] = [0.7, -1.25, 3]

    private static func twoSteps(_ one: ExchangeCase, _ communicator: any Communicator) throws -> Outcome {
        let exchange = try one.exchange(communicator)
        let gradients = TaskGradients(
            exchange, rank: communicator.rank, taskCount: taskCount, sharedCount: sharedCount)
        var outcome = Outcome()
        func gathered(_ values: [Double], width: Int) throws -> [Double] {
            let longest = exchange.ranges.largestBlockCount * width
            let all = try communicator.allGather(values + Array(repeating: 0, count: longest - values.count))
            return exchange.ranges.inBlockOrder(
                (0..<communicator.size).map { all[$0 * longest..<($0 + 1) * longest] }, width: width)
        }
        var left: [[Int32]] = exchange.gradients.map { _ in [] }
        for step in 0..<2 {
            let tasks = tasks(step: step)
            for task in tasks {
                left = exchange.gradients.enumerated().map { lane, gradient in
                    fill(gradient, one, lane: communicator.rank * one.lanes + lane, task: task, step: step)
                }
                try gradients.sum(task: task, touchedRows: left, by: exchange)
            }
            let width = TaskGradients.pairCount(tasks.count)
            let products = try gathered(gradients.blockProducts(of: tasks), width: width)
            outcome.products.append(
                (0..<width).map { column in
                    stride(from: column, to: products.count, by: width).reduce(0) { $0 + products[$1] }
                })
            let sum = gradients.combine(tasks, factors: tasks.map { factors[$0] }, into: exchange.gradients[0])
            outcome.squares.append(try gathered(sum.squares, width: 1))
            for range in exchange.ranges.ranges(of: communicator.rank) {
                exchange.parameters.slice(range).copy(from: exchange.gradients[0].slice(range))
            }
            try exchange.publishParameters { _ in }
            outcome.combined.append(exchange.parameters.array.map(\.bitPattern))
            // As a lane does before it is filled again.
            for row in sum.writtenRows {
                exchange.gradients[0].slice(Int(row) * table.columns..<(Int(row) + 1) * table.columns).fill(0)
            }
            try communicator.barrier()
        }
        return outcome
    }

    @Test(arguments: [ExchangeKind.shared, .messages], [(1, 1), (1, 8), (2, 4), (4, 2), (8, 1)])
    func productsAndCombinationsAreThoseOfWholeVectors(kind: ExchangeKind, spread: (worldSize: Int, lanes: Int)) throws
    {
        let one = Self.exchangeCase(kind, spread.worldSize, lanes: spread.lanes)
        let outcomes = try ThreadCommunicator.run(one.worldSize) { try Self.twoSteps(one, $0) }
        for outcome in outcomes {
            for step in 0..<2 {
                let tasks = Self.tasks(step: step)
                let vectors = tasks.map { Self.whole(one, task: $0, step: step) }
                var pair = 0
                for row in tasks.indices {
                    for column in row..<tasks.count {
                        let right = (0..<Self.sharedCount).reduce(0.0) {
                            $0 + Double(vectors[row][$1]) * Double(vectors[column][$1])
                        }
                        #expect(abs(outcome.products[step][pair] - right) < 1e-9 * Double(Self.count))
                        pair += 1
                    }
                }
                #expect(pair == outcome.products[step].count)
                let combined = (0..<Self.count).map { place in
                    tasks.indices.reduce(Float(0)) {
                        $0 + (place < Self.sharedCount ? Self.factors[tasks[$1]] : 1) * vectors[$1][place]
                    }
                }
                let different = zip(outcome.combined[step], combined).count {
                    abs(Float(bitPattern: $0) - $1) > 1e-5
                }
                #expect(different == 0, "step \(step): \(different) elements differ")
                let squares = combined.reduce(0.0) { $0 + Double($1) * Double($1) }
                #expect(abs(outcome.squares[step].reduce(0, +) - squares) < 1e-4 * squares)
            }
        }
    }

    @Test func bitsDoNotDependOnTheSpread() throws {
        var all: [Outcome] = []
        for kind in [ExchangeKind.shared, .messages] {
            for worldSize in [1, 2, 4, 8] {
                let one = Self.exchangeCase(kind, worldSize, lanes: 8 / worldSize)
                all += try ThreadCommunicator.run(worldSize) { try Self.twoSteps(one, $0) }
            }
        }
        let isSame = all.allSatisfy { $0 == all[0] }
        #expect(isSame)
    }
}
