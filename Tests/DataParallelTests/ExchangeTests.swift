import DataParallel
import LinearAlgebra
import MPI
import Testing

/// Ranks, lanes of each, elements of the flat buffer.
struct ExchangeCase: Sendable, CustomTestStringConvertible {
    let kind: ExchangeKind
    let worldSize: Int
    let lanes: Int
    let count: Int
    var table = SparseTable.none

    static let blockSize = 64

    var testDescription: String {
        "\(kind), \(worldSize) ranks with \(lanes) lanes, \(count) elements, \(table.rows) × \(table.columns) sparse"
    }

    func exchange(_ communicator: any Communicator) throws -> any ReplicaExchange {
        switch kind {
        case .messages:
            MessageExchange(
                communicator, count: count, table: table, lanes: lanes, blockSize: Self.blockSize, derivedCount: count)
        case .shared, .auto:
            try SharedMemoryExchange(
                communicator, count: count, table: table, lanes: lanes, blockSize: Self.blockSize, derivedCount: count)
        }
    }

    /// What lane `lane` of all lanes of all ranks holds in one step: numbers whose sum depends on its order.
    ///
    /// - Returns: the rows of the table that are not zero: some of this lane alone, some of several, and of most rows no lane.
    @discardableResult
    func fill(_ vector: VectorView, lane: Int, step: Int) -> [Int32] {
        Philox(key: mixedKey(UInt64(lane), UInt64(step))).fillNormal(vector, stream: 0, deviation: 1)
        let touched = (0..<table.rows).filter { row in
            row % 2 == 0 ? mixedKey(UInt64(row), UInt64(step)) >> UInt64(lane) & 1 == 1 : row % 7 == lane + step
        }
        for row in 0..<table.rows where !touched.contains(row) {
            vector.slice(row * table.columns..<(row + 1) * table.columns).fill(0)
        }
        return touched.map(Int32.init)
    }

    /// The sum over the lanes from `first` on, by the definition of the balanced binary tree.
    func tree(_ lanes: [[Float]]) -> [Float] {
        if lanes.count == 1 { return lanes[0] }
        let half = lanes.count / 2
        return zip(tree(Array(lanes[..<half])), tree(Array(lanes[half...]))).map { $0 + $1 }
    }

    /// The bits of the sum over all lanes.
    func expectedSum(step: Int) -> [UInt32] {
        let memory = FloatBuffer(count: count)
        let all = (0..<worldSize * lanes).map { lane in
            fill(memory.view, lane: lane, step: step)
            return memory.view.array
        }
        return tree(all).map(\.bitPattern)
    }
}

@Suite struct ExchangeTests {
    private static let cases = [ExchangeKind.shared, .messages].flatMap { kind in
        [
            (1, 1, 1000), (1, 2, 1000), (1, 4, 1), (1, 8, 20_000), (2, 1, 1000), (2, 2, 600_001), (4, 1, 5000),
            (4, 2, 77),
            (8, 1, 100_000), (8, 2, 3000), (8, 1, 100), (2, 4, 64), (8, 1, 0),
        ].map { ExchangeCase(kind: kind, worldSize: $0.0, lanes: $0.1, count: $0.2) }
            + [(1, 1), (1, 4), (2, 1), (4, 2), (8, 1), (8, 2)].map {
                ExchangeCase(
                    kind: kind, worldSize: $0.0, lanes: $0.1, count: 3000, table: SparseTable(rows: 70, columns: 19))
            }
    }

    /// Two steps as training takes them: sum the gradients, update the owned range, hand it round.
    @Test(arguments: cases) func sumsAndPublishes(one: ExchangeCase) throws {
        let outcomes = try ThreadCommunicator.run(one.worldSize) { try Self.twoSteps(one, $0) }
        #expect(outcomes.count == one.worldSize)
        for step in 0..<2 {
            let right = one.expectedSum(step: step)
            let expected = Self.squares(right)
            #expect(outcomes[0].ranges.inBlockOrder(outcomes.map { $0.squares[step][...] }) == expected, "step \(step)")
            for outcome in outcomes {
                #expect(
                    differences(outcome.parameters[step], right) == 0,
                    "rank \(outcome.rank), step \(step): other parameters")
                #expect(
                    differences(outcome.derived[step], right) == 0,
                    "rank \(outcome.rank), step \(step): not derived from the parameters")
            }
        }
        for outcome in outcomes { #expect(outcome.lanesKept, "rank \(outcome.rank): a lane was written") }
    }

    /// The same alone, without threads.
    @Test(arguments: [ExchangeKind.shared, .messages], [1, 2, 4]) func singleProcess(kind: ExchangeKind, lanes: Int)
        throws
    {
        let one = ExchangeCase(kind: kind, worldSize: 1, lanes: lanes, count: 40_000)
        let outcome = try Self.twoSteps(one, SingleProcess())
        for step in 0..<2 {
            let right = one.expectedSum(step: step)
            #expect(outcome.squares[step] == Self.squares(right))
            #expect(differences(outcome.parameters[step], right) == 0)
        }
        #expect(outcome.lanesKept)
    }

    /// The sum of squares of each block.
    private static func squares(_ bits: [UInt32]) -> [Double] {
        let memory = FloatBuffer(count: bits.count)
        for (place, bits) in bits.enumerated() { memory.view[place] = Float(bitPattern: bits) }
        return stride(from: 0, to: bits.count, by: ExchangeCase.blockSize).map {
            sumOfSquares(memory.view.slice($0..<min($0 + ExchangeCase.blockSize, bits.count)))
        }
    }

    /// Whether only the owned ranges of the first lane were written, and of the table only the rows that the sum tells.
    private static func isKept(
        _ before: [[Float]], _ lanes: [VectorView], _ owned: [Range<Int>], _ sum: OwnedSum, _ table: SparseTable
    ) -> Bool {
        let written = Set(sum.writtenRows.map(Int.init))
        return lanes.indices.allSatisfy { lane in
            before[lane].indices.allSatisfy { place in
                before[lane][place] == lanes[lane][place]
                    || lane == 0 && owned.contains { $0.contains(place) }
                        && (place >= table.count || written.contains(place / max(1, table.columns)))
            }
        }
    }

    private struct Outcome: Sendable {
        var rank: Int
        var ranges: OwnedRanges
        var squares: [[Double]] = []
        var parameters: [[UInt32]] = []
        /// The parameters as they were derived: with the other sign.
        var derived: [[UInt32]] = []
        var lanesKept = true
    }

    private static func twoSteps(_ one: ExchangeCase, _ communicator: any Communicator) throws -> Outcome {
        let exchange = try one.exchange(communicator)
        let owned = exchange.ranges.ranges(of: communicator.rank)
        var outcome = Outcome(rank: communicator.rank, ranges: exchange.ranges)
        precondition(exchange.gradients.count == one.lanes && exchange.parameters.count == one.count)
        for step in 0..<2 {
            let touched = exchange.gradients.enumerated().map { lane, gradient in
                one.fill(gradient, lane: communicator.rank * one.lanes + lane, step: step)
            }
            let before = exchange.gradients.map(\.array)
            let sum = try exchange.sumOwnedGradients(touchedRows: touched)
            outcome.squares.append(sum.squares)
            outcome.lanesKept = outcome.lanesKept && isKept(before, exchange.gradients, owned, sum, one.table)
            func derive(_ range: Range<Int>) {
                for place in range { exchange.derived[place] = -exchange.parameters[place] }
            }
            for range in owned {
                exchange.parameters.slice(range).copy(from: exchange.gradients[0].slice(range))
                derive(range)
            }
            try exchange.publishParameters(deriving: derive)
            outcome.parameters.append(exchange.parameters.array.map(\.bitPattern))
            outcome.derived.append(exchange.derived.array.map { (-$0).bitPattern })
        }
        return outcome
    }

    /// Ranges whose sum is there already are left out of the tree, with the same squares and the same gradient; beside the lanes they
    /// are copied.
    @Test(arguments: [1, 2, 4]) func summedRangesAreLeftOut(worldSize: Int) throws {
        let one = ExchangeCase(kind: .shared, worldSize: worldSize, lanes: 2, count: 1500)
        // From within a block to within another, and two within one block.
        let summed = [10..<300, 500..<510, 520..<1400]
        let right = try ThreadCommunicator.run(worldSize) { try Self.sum(one, [], $0) }
        let found = try ThreadCommunicator.run(worldSize) { try Self.sum(one, summed, $0) }
        for (right, found) in zip(right, found) {
            #expect(found.squares == right.squares)
            #expect(differences(found.gradient, right.gradient) == 0)
            #expect(differences(found.copied, right.copied) == 0)
        }
    }

    /// - Returns: of the owned ranges the squares, the gradient where it is to be found, and that in a buffer beside the lanes.
    private static func sum(
        _ one: ExchangeCase, _ summed: [Range<Int>], _ communicator: any Communicator
    ) throws -> (squares: [Double], gradient: [UInt32], copied: [UInt32]) {
        let exchange = try one.exchange(communicator)
        let owned = exchange.ranges.ranges(of: communicator.rank)
        let beside = FloatBuffer(count: one.count)
        func fill() throws {
            for (lane, gradient) in exchange.gradients.enumerated() {
                one.fill(gradient, lane: communicator.rank * one.lanes + lane, step: 0)
                for range in summed { gradient.slice(range).fill(.nan) }
            }
            try communicator.barrier()
            let sum = one.expectedSum(step: 0)
            if communicator.rank == 0 {
                for place in summed.joined() { exchange.commonGradient[place] = Float(bitPattern: sum[place]) }
            }
        }
        try fill()
        let touched = [[Int32]](repeating: [], count: one.lanes)
        _ = try exchange.sumOwnedGradients(touchedRows: touched, summed: summed, into: beside.view)
        try exchange.releaseGradients()
        try fill()
        let squares = try exchange.sumOwnedGradients(touchedRows: touched, summed: summed).squares
        let gradient = owned.flatMap { range in
            range.map { place in
                let isSummed = summed.contains { $0.contains(place) }
                return (isSummed ? exchange.commonGradient : exchange.gradients[0])[place].bitPattern
            }
        }
        try communicator.barrier()
        return (squares, gradient, owned.flatMap { beside.view.slice($0).array.map(\.bitPattern) })
    }

    /// The sum over 8 lanes comes out the same however they are spread over ranks and lanes, by either exchange.
    @Test func bitsDoNotDependOnTheSpread() throws {
        var all = Set<[UInt32]>()
        for kind in [ExchangeKind.shared, .messages] {
            for worldSize in [1, 2, 4, 8] {
                let one = ExchangeCase(kind: kind, worldSize: worldSize, lanes: 8 / worldSize, count: 3000)
                let outcomes = try ThreadCommunicator.run(worldSize) { try Self.twoSteps(one, $0) }
                all.insert(outcomes[0].parameters.flatMap { $0 })
            }
        }
        let count = all.count
        #expect(count == 1, "\(count) different sums")
    }
}

/// How many elements differ; a number, because a failed comparison of arrays prints both of them.
private func differences(_ own: [UInt32], _ right: [UInt32]) -> Int {
    abs(own.count - right.count) + zip(own, right).count { $0 != $1 }
}
