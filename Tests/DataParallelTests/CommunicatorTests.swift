import LinearAlgebra
import MPI
import Testing

/// What `Communicator` adds to its requirements, over threads and alone; the stand-in itself is tested by the way.
@Suite struct CommunicatorTests {
    @Test(arguments: [1, 2, 5]) func gathersInRankOrder(size: Int) throws {
        let gathered = try ThreadCommunicator.run(size) { try $0.allGather(Double($0.rank) * 1.5) }
        #expect(gathered == Array(repeating: (0..<size).map { Double($0) * 1.5 }, count: size))
        let several = try ThreadCommunicator.run(size) { try $0.allGather([$0.rank, -$0.rank]) }
        #expect(several == Array(repeating: (0..<size).flatMap { [$0, -$0] }, count: size))
        let none = try ThreadCommunicator.run(size) { try $0.allGather([Int]()) }
        #expect(none == Array(repeating: [], count: size))
    }

    @Test(arguments: [1, 2, 5]) func gathersUnevenBytes(size: Int) throws {
        let right = (0..<size).map { [UInt8](repeating: UInt8($0), count: $0 * 3 % 7) }
        let gathered = try ThreadCommunicator.run(size) { try $0.allGatherVariable(right[$0.rank]) }
        #expect(gathered == Array(repeating: right, count: size))
        let none = try ThreadCommunicator.run(size) { try $0.allGatherVariable([]) }
        #expect(none == Array(repeating: Array(repeating: [], count: size), count: size))
    }

    @Test(arguments: [1, 2, 5]) func broadcastsAnyLength(size: Int) throws {
        for root in [0, size - 1] {
            let received = try ThreadCommunicator.run(size) { communicator in
                var bytes: [UInt8] = communicator.rank == root ? [1, 2, 3] : [9]
                try communicator.broadcast(&bytes, root: root)
                return bytes
            }
            #expect(received == Array(repeating: [1, 2, 3], count: size))
        }
    }

    @Test(arguments: [1, 3]) func sumsIntegers(size: Int) throws {
        let sums = try ThreadCommunicator.run(size) { communicator in
            var values: [Int64] = [Int64(communicator.rank), 1 << 60, -1]
            try values.withUnsafeMutableBufferPointer { try communicator.sum($0) }
            return values
        }
        let count = Int64(size)
        #expect(sums == Array(repeating: [count * (count - 1) / 2, count << 60, -count], count: size))
    }

    @Test func aloneThereIsNobodyElse() throws {
        let alone = SingleProcess()
        #expect(alone.rank == 0 && alone.size == 1 && alone.sharesMemory)
        #expect(try alone.allGather(7) == [7])
        #expect(try alone.allGatherVariable([1, 2]) == [[1, 2]])
        var bytes: [UInt8] = [1, 2]
        try alone.broadcast(&bytes, root: 0)
        #expect(bytes == [1, 2])
        #expect(throws: MPIError.self) { try alone.broadcast(&bytes, root: 1) }
        #expect(throws: MPIError.self) {
            try bytes.withUnsafeBytes { try alone.send($0, to: 1, tag: 0) }
        }
        #expect(throws: MPIError.self) {
            try bytes.withUnsafeMutableBytes { try alone.receive(into: $0, from: 0, tag: 0) }
        }
        #expect(throws: MPIError.self) {
            var all = [UInt8](repeating: 0, count: 3)
            try bytes.withUnsafeBytes { source in
                try all.withUnsafeMutableBytes { try alone.allGather(source, into: $0) }
            }
        }
        let memory = try alone.sharedMemory(byteCount: 12)
        #expect(memory.piece(of: 0).count >= 12 && memory.piece(of: 0).allSatisfy { $0 == 0 })
        try memory.synchronize()
    }
}

/// Parts of the ranks as communicators of their own.
@Suite struct SplitTests {
    @Test func partsWorkByThemselves() throws {
        let seen = try ThreadCommunicator.run(5) { world -> [Int] in
            let part = try world.split(color: world.rank % 2)
            let all = try part.allGather(world.rank)
            try part.barrier()
            // One part goes on while the other may be elsewhere.
            if world.rank % 2 == 0 { _ = try part.allGather(0) }
            var calls = 0
            try world.barrier { calls += 1 }
            return [part.rank, part.size] + all
        }
        #expect(seen == [[0, 3, 0, 2, 4], [0, 2, 1, 3], [1, 3, 0, 2, 4], [1, 2, 1, 3], [2, 3, 0, 2, 4]])
    }

    @Test func alone() throws {
        let part = SingleProcess().split(color: 3)
        #expect(part.rank == 0 && part.size == 1)
        #expect(try part.allGather(7) == [7])
    }
}
