import DataParallel
import Foundation
import LinearAlgebra
import MPI
import Synchronization
import Testing

@Suite struct WorkBoardTests {
    /// Each rank in turn has everything to do: every part of every job is computed once, by its owner or by those who are done.
    @Test(arguments: [1, 2, 4])
    func everyPartIsComputedOnce(worldSize: Int) throws {
        let (jobs, parts) = (200, 37)
        let results = try ThreadCommunicator.run(worldSize) { communicator in
            let own = FloatBuffer(count: 64)
            let board = try WorkBoard(
                communicator, lanes: 1, arenaByteCount: 4 * jobs * parts, others: [UnsafeMutableRawBufferPointer(own)])
            let counts = board.arenas[0].bindMemory(to: UInt32.self)
            let place = try #require(board.place(of: board.arenas[0].baseAddress!))
            var helped = 0
            func compute(_ job: some Collection<Int>, _ part: Int) {
                let numbers = Array(job)
                // A job that is read while its owner writes the next one would be wrong in its length or its last number.
                guard numbers.count == 3 + numbers[1] % 5, numbers.last == -numbers[1] else { return }
                let counts = board.pointer(at: numbers[0]).assumingMemoryBound(to: Atomic<UInt32>.self)
                (counts + numbers[1] * parts + part).pointee.wrappingAdd(1, ordering: .relaxed)
            }
            for owner in 0..<worldSize {
                try communicator.barrier()
                if communicator.rank == owner { board.begin() }
                try communicator.barrier()
                guard communicator.rank == owner else {
                    helped += board.help(lane: 0, run: compute)
                    continue
                }
                while worldSize > 1 && !board.hasHelpers {}
                for job in 0..<jobs {
                    let numbers = [place, job] + [Int](repeating: 0, count: job % 5) + [-job]
                    var waits = 0
                    board.share(
                        numbers, parts: parts, lane: 0,
                        run: { part in
                            compute(numbers, part)
                            // Leaves the others some time, and a processor.
                            if part % 8 == 0 { usleep(1) }
                        }, wait: { waits += 1 })
                    #expect(waits == 1)
                }
                board.end()
            }
            return (once: counts.filter { $0 == 1 }.count, helped: helped)
        }
        #expect(results.map(\.once) == results.map { _ in jobs * parts })
        #expect(worldSize == 1 || results.contains { $0.helped > 0 })
    }

    /// A place is the same place for every rank, wherever it maps the memory.
    @Test func placesAreFoundByOthers() throws {
        let values = try ThreadCommunicator.run(2) { communicator in
            let own = FloatBuffer(count: 1000)
            for index in 0..<1000 { own.view[index] = Float(index + 10_000 * communicator.rank) }
            let board = try WorkBoard(
                communicator, lanes: 1, arenaByteCount: 64, others: [UnsafeMutableRawBufferPointer(own)])
            let stranger = FloatBuffer(count: 10)
            #expect(board.place(of: stranger.view.base) == nil)
            #expect(board.place(of: own.view.base + 1000) == nil)
            let places = try communicator.allGather(try #require(board.place(of: own.view.base + 321)))
            #expect(places[0] == places[1])
            return board.pointer(at: places[0]).load(as: Float.self)
        }
        #expect(values == [321, 10_321])
    }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate init(_ buffer: FloatBuffer) {
        self.init(start: buffer.view.base, count: buffer.view.count * MemoryLayout<Float>.stride)
    }
}
