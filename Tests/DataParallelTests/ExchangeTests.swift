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

    static let blockSize = 64

    var testDescription: String { "\(kind), \(worldSize) ranks with \(lanes) lanes, \(count) elements" }

    func exchange(_ communicator: any Communicator) throws -> any ReplicaExchange {
        switch kind {
        case .messages:
            MessageExchange(communicator, count: count, lanes: lanes, blockSize: Self.blockSize)
        case .shared, .auto:
            try SharedMemoryExchange(communicator, count: count, lanes: lanes, blockSize: Self.blockSize)
        }
    }

    /// What lane `lane` of all lanes of all ranks holds in one step: numbers whose sum depends on its order.
    func fill(_ vector: VectorView, lane: Int, step: Int) {
        Philox(key: mixedKey(UInt64(lane), UInt64(step))).fillNormal(vector, stream: 0, deviation: 1)
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
    }

    /// Two steps as training takes them: sum the gradients, update the owned range, hand it round.
    @Test(arguments: cases) func sumsAndPublishes(one: ExchangeCase) throws {
        let outcomes = try ThreadCommunicator.run(one.worldSize) { try Self.twoSteps(one, $0) }
        #expect(outcomes.count == one.worldSize)
        for step in 0..<2 {
            // Each rank's owned range, one after the other, is the whole sum.
            let right = one.expectedSum(step: step)
            #expect(differences(outcomes.flatMap { $0.sums[step] }, right) == 0, "step \(step): another sum")
            for outcome in outcomes {
                #expect(
                    differences(outcome.parameters[step], right) == 0,
                    "rank \(outcome.rank), step \(step): other parameters")
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
            #expect(differences(outcome.sums[step], right) == 0)
            #expect(differences(outcome.parameters[step], right) == 0)
        }
        #expect(outcome.lanesKept)
    }

    private struct Outcome: Sendable {
        var rank: Int
        var sums: [[UInt32]] = []
        var parameters: [[UInt32]] = []
        var lanesKept = true
    }

    private static func twoSteps(_ one: ExchangeCase, _ communicator: any Communicator) throws -> Outcome {
        let exchange = try one.exchange(communicator)
        let owned = exchange.ranges.range(of: communicator.rank)
        var outcome = Outcome(rank: communicator.rank)
        precondition(exchange.gradients.count == one.lanes && exchange.parameters.count == one.count)
        for step in 0..<2 {
            for (lane, gradient) in exchange.gradients.enumerated() {
                one.fill(gradient, lane: communicator.rank * one.lanes + lane, step: step)
            }
            let before = exchange.gradients.map(\.array)
            try exchange.sumOwnedGradients()
            outcome.sums.append(exchange.ownedGradient.array.map(\.bitPattern))
            outcome.lanesKept = outcome.lanesKept && before == exchange.gradients.map(\.array)
            exchange.parameters.slice(owned).copy(from: exchange.ownedGradient)
            try exchange.publishParameters()
            outcome.parameters.append(exchange.parameters.array.map(\.bitPattern))
        }
        return outcome
    }

    /// The sum over 8 lanes comes out the same however they are spread over ranks and lanes, by either exchange.
    @Test func bitsDoNotDependOnTheSpread() throws {
        var all = Set<[UInt32]>()
        for kind in [ExchangeKind.shared, .messages] {
            for worldSize in [1, 2, 4, 8] {
                let one = ExchangeCase(kind: kind, worldSize: worldSize, lanes: 8 / worldSize, count: 3000)
                let outcomes = try ThreadCommunicator.run(worldSize) { try Self.twoSteps(one, $0) }
                all.insert((0..<2).flatMap { step in outcomes.flatMap { $0.sums[step] } })
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
