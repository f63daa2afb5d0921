import Foundation
import MPI

/// What a short exchange between all ranks took.
package struct ExchangeSpeed: Sendable, Equatable {
    /// Bytes a second that each rank sends while it receives as many; 0 with one rank.
    package var bandwidth = 0.0
    /// Seconds for a message of one byte.
    package var latency = 0.0
    /// Bytes a second that a rank reads of another's shared memory; nil where there is none.
    package var sharedBandwidth: Double?

    package init(bandwidth: Double = 0, latency: Double = 0, sharedBandwidth: Double? = nil) {
        (self.bandwidth, self.latency, self.sharedBandwidth) = (bandwidth, latency, sharedBandwidth)
    }

    private static let byteCount = 4 << 20

    /// Collective: measures for a fraction of a second, each rank with the next; the slowest rank counts.
    init(measuringWith communicator: any Communicator) throws {
        guard communicator.size > 1 else { return }
        latency = try Self.seconds(communicator, byteCount: 1)
        bandwidth = Double(Self.byteCount) / (try Self.seconds(communicator, byteCount: Self.byteCount))
        let room = communicator.sharesMemory && SharedMemorySpace.has(Self.byteCount * communicator.size)
        guard try communicator.allGather(room).allSatisfy({ $0 }) else { return }
        let memory = try communicator.sharedMemory(byteCount: Self.byteCount)
        memory.piece(of: communicator.rank).initializeMemory(as: UInt8.self, repeating: 1)
        try memory.synchronize()
        var own = [UInt8](repeating: 0, count: Self.byteCount)
        let piece = memory.piece(of: (communicator.rank + 1) % communicator.size)
        let time = try Self.slowest(communicator) {
            try memory.synchronize()
            own.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(piece)) }
        }
        sharedBandwidth = Double(Self.byteCount) / time
    }

    /// Of one exchange of so many bytes round the ring of all ranks.
    private static func seconds(_ communicator: any Communicator, byteCount: Int) throws -> Double {
        let outgoing = [UInt8](repeating: 1, count: byteCount)
        var incoming = outgoing
        let (next, previous) =
            (
                (communicator.rank + 1) % communicator.size,
                (communicator.rank + communicator.size - 1) % communicator.size
            )
        return try slowest(communicator) {
            try outgoing.withUnsafeBytes { outgoing in
                try incoming.withUnsafeMutableBytes {
                    try communicator.exchange(outgoing, to: next, receiving: $0, from: previous, tag: 3)
                }
            }
        }
    }

    /// Seconds of `body` on the slowest rank, the best of as many rounds as fit into a tenth of a second: other work on the
    /// machine only takes time away.
    private static func slowest(_ communicator: any Communicator, _ body: () throws -> Void) throws -> Double {
        try body()
        try communicator.barrier()
        let first = try communicator.allGather(try timed(1, body)).max() ?? 0
        let rounds = min(200, max(1, Int(0.1 / max(first, 1e-6))))
        try communicator.barrier()
        return try communicator.allGather(try timed(rounds, body)).max() ?? 0
    }

    private static func timed(_ rounds: Int, _ body: () throws -> Void) rethrows -> Double {
        try (0..<rounds).map { _ in
            let began = DispatchTime.now().uptimeNanoseconds
            try body()
            return Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
        }.min() ?? 0
    }
}
