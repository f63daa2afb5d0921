import LinearAlgebra
import MPI

/// The exchange inside one machine: every rank's buffers lie in memory that all ranks see, and each rank reads the others'
/// part of its owned range in place.
public final class SharedMemoryExchange: ReplicaExchange, @unchecked Sendable {
    public let ranges: OwnedRanges
    public let parameters: VectorView
    public let gradients: [VectorView]
    private let memory: any SharedMemory
    private let rank: Int
    private let count: Int
    private let scratch: MatrixView
    private let scratchMemory: FloatBuffer
    public let ownedGradient: VectorView
    private let ownedMemory: FloatBuffer

    /// Collective.
    ///
    /// - Parameters:
    ///   - count: elements of a flat buffer.
    ///   - lanes: gradient buffers of each rank.
    public init(_ communicator: any Communicator, count: Int, lanes: Int, blockSize: Int) throws {
        ranges = OwnedRanges(count: count, blockSize: blockSize, worldSize: communicator.size)
        rank = communicator.rank
        self.count = count
        memory = try communicator.sharedMemory(byteCount: Self.byteCount(count: count, lanes: lanes))
        let views = Self.views(memory.piece(of: rank), count: count, lanes: lanes)
        (parameters, gradients) = (views[0], Array(views[1...]))
        let owned = ranges.range(of: rank)
        // A single lane is its own sum.
        let isAlone = lanes * communicator.size == 1
        ownedMemory = FloatBuffer(count: isAlone ? 0 : owned.count)
        ownedGradient = isAlone ? gradients[0] : ownedMemory.view
        let depth = treeDepth(lanes * communicator.size)
        scratchMemory = FloatBuffer(count: depth * exchangePiece)
        scratch = scratchMemory.view.matrix(rows: depth, columns: exchangePiece)
    }

    /// Bytes of shared memory that each rank needs.
    public static func byteCount(count: Int, lanes: Int) -> Int { (lanes + 1) * count * MemoryLayout<Float>.stride }

    private static func views(_ bytes: UnsafeMutableRawBufferPointer, count: Int, lanes: Int) -> [VectorView] {
        let floats = bytes.bindMemory(to: Float.self)
        require(floats.count >= (lanes + 1) * count, "a shared window that is too small")
        return (0...lanes).map { VectorView(floats.baseAddress! + $0 * count, count: count) }
    }

    public func sumOwnedGradients() throws {
        try memory.synchronize()
        let leaves = (0..<ranges.worldSize).flatMap {
            Self.views(memory.piece(of: $0), count: count, lanes: gradients.count)[1...]
        }
        if leaves.count == 1 { return }
        let owned = ranges.range(of: rank)
        for start in stride(from: owned.lowerBound, to: owned.upperBound, by: exchangePiece) {
            let piece = start..<min(start + exchangePiece, owned.upperBound)
            let sum = ownedGradient.slice(start - owned.lowerBound..<piece.upperBound - owned.lowerBound)
            sumTree(leaves: 0..<leaves.count, into: sum, scratch: scratch) { leaves[$0].slice(piece) }
        }
    }

    public func publishParameters() throws {
        try memory.synchronize()
        for other in 0..<ranges.worldSize where other != rank {
            let range = ranges.range(of: other)
            let source = Self.views(memory.piece(of: other), count: count, lanes: gradients.count)[0]
            parameters.slice(range).copy(from: source.slice(range))
        }
    }
}
