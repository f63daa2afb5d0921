import DataParallel
import Foundation
import MPI
import Synchronization
import Testing

@Suite struct TermBoardTests {
    /// Every part of every sum is given to one lane, once all terms are there, with the terms of all lanes in their order.
    @Test(arguments: [1, 2, 4])
    func everyPartIsTakenOnce(worldSize: Int) throws {
        let (sums, parts, rounds) = (40, 7, 5)
        let results = try ThreadCommunicator.run(worldSize) { communicator in
            let board = try TermBoard(communicator, lanes: 1, sums: sums, capacity: 3)
            var taken = [Int](repeating: 0, count: rounds * sums * parts)
            for round in 1...rounds {
                board.join(round, comes: true)
                while board.isOpen(round) == nil { sched_yield() }
                #expect(board.isOpen(round) == true)
                for sum in 0..<sums {
                    board.add([communicator.rank, sum, round], to: sum, parts: parts, lane: 0, round: round)
                    if (sum + communicator.rank) % 5 == 0 { usleep(50) }
                }
                for sum in 0..<sums {
                    while !board.isComplete(sum, round) { sched_yield() }
                    while let part = board.take(from: sum, round) {
                        let terms = board.terms(of: sum).map(Array.init)
                        #expect(terms == (0..<worldSize).map { [$0, sum, round] })
                        taken[((round - 1) * sums + sum) * parts + part] += 1
                        board.finishPart(of: sum, round)
                    }
                }
                for sum in 0..<sums { while !board.isFinished(sum, round) { sched_yield() } }
                try communicator.barrier()
            }
            return try communicator.allGather(taken)
        }
        let count = rounds * sums * parts
        for all in results {
            let total = (0..<count).map { place in (0..<worldSize).reduce(0) { $0 + all[$1 * count + place] } }
            #expect(total.allSatisfy { $0 == 1 })
        }
    }

    /// What was said in one round says nothing of the next, even where sums were left unfinished.
    @Test func roundsBeginAnew() throws {
        let board = try TermBoard(SingleProcess(), lanes: 2, sums: 1, capacity: 1)
        board.join(1, comes: true)
        #expect(board.isOpen(1) == nil)
        board.join(1, comes: false)
        #expect(board.isOpen(1) == false)
        board.join(2, comes: true)
        board.join(2, comes: true)
        #expect(board.isOpen(2) == true && !board.isAbandoned(2))
        board.add([5], to: 0, parts: 2, lane: 0, round: 2)
        #expect(board.isBegun(0, 2) && !board.isComplete(0, 2))
        board.abandon(2)
        #expect(board.isAbandoned(2))
        board.join(3, comes: true)
        board.join(3, comes: true)
        #expect(!board.isAbandoned(3) && !board.isBegun(0, 3) && !board.isBegun(1, 3))
        for lane in 0..<2 { board.add([lane], to: 0, parts: 1, lane: lane, round: 3) }
        #expect(board.take(from: 0, 3) == 0 && board.take(from: 0, 3) == nil && !board.isFinished(0, 3))
        board.finishPart(of: 0, 3)
        #expect(board.isFinished(0, 3))
    }
}
