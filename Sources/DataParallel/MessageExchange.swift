import LinearAlgebra
import MPI

/// The exchange between machines: every rank sends each owner its part, piece by piece, and the owner adds the pieces in the
/// order of the tree, not in the order of arrival.
public final class MessageExchange: ReplicaExchange, @unchecked Sendable {
    public let ranges: OwnedRanges
    public let parameters: VectorView
    public let gradients: [VectorView]
    public let ownedGradient: VectorView
    private let communicator: any Communicator
    private let memory: FloatBuffer
    private let ownedMemory: FloatBuffer
    /// One message of each rank.
    private let inbox: MatrixView
    private let outbox: VectorView
    private let scratch: MatrixView
    private let scratchMemory: FloatBuffer
    /// Elements of a message: large enough for the full bandwidth of a network, small against the buffers.
    private static let messageSize = 1 << 18

    public init(_ communicator: any Communicator, count: Int, lanes: Int, blockSize: Int) {
        self.communicator = communicator
        ranges = OwnedRanges(count: count, blockSize: blockSize, worldSize: communicator.size)
        memory = FloatBuffer(count: (lanes + 1) * count)
        parameters = memory.view.slice(0..<count)
        let views = memory.view
        gradients = (1...lanes).map { views.slice($0 * count..<($0 + 1) * count) }
        ownedMemory = FloatBuffer(count: ranges.range(of: communicator.rank).count)
        ownedGradient = ownedMemory.view
        let rows = communicator.size + 1 + treeDepth(max(lanes, communicator.size))
        scratchMemory = FloatBuffer(count: rows * Self.messageSize)
        let all = scratchMemory.view.matrix(rows: rows, columns: Self.messageSize)
        inbox = all.rows(0..<communicator.size)
        outbox = all.row(communicator.size)
        scratch = all.rows(communicator.size + 1..<rows)
    }

    public func sumOwnedGradients() throws {
        let (size, rank) = (communicator.size, communicator.rank)
        let longest = (0..<size).map { ranges.range(of: $0).count }.max() ?? 0
        for offset in stride(from: 0, to: longest, by: Self.messageSize) {
            func piece(of owner: Int) -> Range<Int> {
                let range = ranges.range(of: owner)
                let start = min(range.lowerBound + offset, range.upperBound)
                return start..<min(start + Self.messageSize, range.upperBound)
            }
            let own = piece(of: rank)
            sumLanes(own, into: inbox.row(rank).slice(0..<own.count))
            for distance in 1..<max(size, 1) {
                let (target, source) = ((rank + distance) % size, (rank - distance + size) % size)
                let outgoing = outbox.slice(0..<piece(of: target).count)
                sumLanes(piece(of: target), into: outgoing)
                try exchange(outgoing, to: target, receiving: inbox.row(source).slice(0..<own.count), from: source)
            }
            if own.isEmpty { continue }
            sumTree(leaves: 0..<size, into: ownedGradient.slice(offset..<offset + own.count), scratch: scratch) {
                inbox.row($0).slice(0..<own.count)
            }
        }
    }

    public func publishParameters() throws {
        let (size, rank) = (communicator.size, communicator.rank)
        for distance in 1..<max(size, 1) {
            let (target, source) = ((rank + distance) % size, (rank - distance + size) % size)
            try exchange(
                parameters.slice(ranges.range(of: rank)), to: target,
                receiving: parameters.slice(ranges.range(of: source)), from: source)
        }
    }

    /// The sum over this rank's lanes, which are a whole subtree.
    private func sumLanes(_ piece: Range<Int>, into target: VectorView) {
        if piece.isEmpty { return }
        sumTree(leaves: 0..<gradients.count, into: target, scratch: scratch) { gradients[$0].slice(piece) }
    }

    private func exchange(_ outgoing: VectorView, to target: Int, receiving incoming: VectorView, from source: Int)
        throws
    {
        try communicator.exchange(
            UnsafeRawBufferPointer(start: outgoing.base, count: outgoing.count * 4), to: target,
            receiving: UnsafeMutableRawBufferPointer(start: incoming.base, count: incoming.count * 4), from: source,
            tag: 1)
    }
}
