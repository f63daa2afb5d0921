import LinearAlgebra
import MPI

/// The exchange inside one machine: one copy of the parameters that all ranks read, and of what is derived from them, and
/// gradients that every rank sees, so that each rank reads the others' part of its owned ranges in place.
public final class SharedMemoryExchange: ReplicaExchange, @unchecked Sendable {
    public let ranges: OwnedRanges
    public let parameters: VectorView
    public let gradients: [VectorView]
    public let derived: VectorView
    private let memory: any SharedMemory
    private let rank: Int
    /// The memory of all ranks, in their order, that holds parameters and gradients.
    public let sharedMemory: [UnsafeMutableRawBufferPointer]
    private let summation: OwnedSummation
    /// The gradients of all lanes of all ranks.
    private let leaves: [VectorView]
    /// For each of them the rows of the table that are not zero.
    private let touched: [RowSet]

    /// Collective.
    ///
    /// - Parameters:
    ///   - count: elements of a flat buffer.
    ///   - table: at its start.
    ///   - lanes: gradient buffers of each rank.
    ///   - derivedCount: elements of `derived`.
    public init(
        _ communicator: any Communicator, count: Int, table: SparseTable = .none, lanes: Int, blockSize: Int,
        derivedCount: Int = 0
    ) throws {
        let (size, rank) = (communicator.size, communicator.rank)
        ranges = OwnedRanges(count: count, blockSize: blockSize, worldSize: size, tableCount: table.count)
        self.rank = rank
        let memory = try communicator.sharedMemory(
            byteCount: Self.lanesByteCount(count: count, table, lanes: lanes)
                + (rank == 0 ? Self.parametersByteCount(count: count, derivedCount: derivedCount) : 0))
        self.memory = memory
        sharedMemory = (0..<size).map { memory.piece(of: $0) }
        // Rank 0's piece begins with the parameters and what is derived from them; each lane is its gradient and its set of rows.
        var (leaves, touched): ([VectorView], [RowSet]) = ([], [])
        let setSize = RowSet.wordCount(table)
        for other in 0..<size {
            var place = other == 0 ? Self.parametersByteCount(count: count, derivedCount: derivedCount) : 0
            let piece = memory.piece(of: other)
            for _ in 0..<lanes {
                leaves.append(Self.floats(piece, at: place, count))
                place += Self.rounded(4 * count)
                let words = UnsafeMutableRawBufferPointer(rebasing: piece[place..<place + 8 * setSize])
                touched.append(RowSet(words.bindMemory(to: UInt64.self)))
                place += Self.rounded(8 * setSize)
            }
        }
        (self.leaves, self.touched) = (leaves, touched)
        gradients = Array(leaves[rank * lanes..<(rank + 1) * lanes])
        parameters = Self.floats(memory.piece(of: 0), at: 0, count)
        derived = Self.floats(memory.piece(of: 0), at: Self.rounded(4 * count), derivedCount)
        summation = OwnedSummation(ranges, table: table, leafCount: leaves.count, threads: lanes)
        // Pages lie next to the processor that writes them first: the one that will update them.
        for range in ranges.ranges(of: rank) { parameters.slice(range).fill(0) }
        try memory.synchronize()
    }

    /// Bytes of shared memory that all ranks need together.
    public static func byteCount(
        count: Int, _ table: SparseTable, lanes: Int, worldSize: Int, derivedCount: Int
    ) -> Int {
        parametersByteCount(count: count, derivedCount: derivedCount)
            + worldSize * lanesByteCount(count: count, table, lanes: lanes)
    }

    private static func parametersByteCount(count: Int, derivedCount: Int) -> Int {
        rounded(4 * count) + rounded(4 * derivedCount)
    }

    private static func lanesByteCount(count: Int, _ table: SparseTable, lanes: Int) -> Int {
        max(lanes * (rounded(4 * count) + rounded(8 * RowSet.wordCount(table))), rounded(1))
    }

    /// Whole cache lines.
    private static func rounded(_ byteCount: Int) -> Int { (byteCount + 63) / 64 * 64 }

    private static func floats(_ piece: UnsafeMutableRawBufferPointer, at place: Int, _ count: Int) -> VectorView {
        require(place + 4 * count <= piece.count, "a shared window that is too small")
        return VectorView((piece.baseAddress! + place).bindMemory(to: Float.self, capacity: count), count: count)
    }

    public func broadcastParameters(deriving derive: (Range<Int>) -> Void) throws {
        try memory.synchronize()
        ranges.ranges(of: rank).forEach(derive)
        try memory.synchronize()
    }

    public var table: SparseTable { summation.table }

    public var commonGradient: VectorView { leaves[0] }

    public func sumOwnedGradients(
        touchedRows: [[Int32]], summed: [Range<Int>], into target: VectorView
    ) throws -> OwnedSum {
        for (lane, rows) in touchedRows.enumerated() { touched[rank * gradients.count + lane].assign(rows) }
        try memory.synchronize()
        let sums = SummedRanges(summed, leaves[0], staysThere: target.base == gradients[0].base)
        return summation.run(rank: rank, touched: touched, summed: sums, into: target) { [leaves] in
            leaves[$0].slice($1)
        }
    }

    public func releaseGradients() throws { try memory.synchronize() }

    public func publishParameters(deriving derive: (Range<Int>) -> Void) throws { try memory.synchronize() }
}
