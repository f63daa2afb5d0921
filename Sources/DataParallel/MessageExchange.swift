import LinearAlgebra
import MPI

/// The exchange between machines: every rank sends each owner its part, and the owner adds the parts in the order of the tree,
/// not in the order of arrival. Of the sparse table only rows that are not zero travel.
public final class MessageExchange: ReplicaExchange, @unchecked Sendable {
    public let ranges: OwnedRanges
    public let parameters: VectorView
    public let gradients: [VectorView]
    public let table: SparseTable
    public let derived: VectorView
    private let communicator: any Communicator
    private let memory: FloatBuffer
    private let gradientMemory: [PagedBuffer]
    /// One message of each rank.
    private let inbox: MatrixView
    private let outbox: VectorView
    private let scratch: MatrixView
    private let scratchMemory: FloatBuffer
    /// Rows of the table, as each rank sends them.
    private let tableInbox: [GrowingBuffer]
    private let tableOutbox = GrowingBuffer()
    /// Elements of a message: large enough for the full bandwidth of a network, small against the buffers.
    private static let messageSize = 1 << 18

    /// - Parameters:
    ///   - count: elements of a flat buffer.
    ///   - table: at its start.
    ///   - lanes: gradient buffers of each rank.
    ///   - derivedCount: elements of `derived`.
    public init(
        _ communicator: any Communicator, count: Int, table: SparseTable = .none, lanes: Int, blockSize: Int,
        derivedCount: Int = 0
    ) {
        self.communicator = communicator
        self.table = table
        let size = communicator.size
        ranges = OwnedRanges(count: count, blockSize: blockSize, worldSize: size, tableCount: table.count)
        memory = FloatBuffer(count: count + derivedCount)
        parameters = memory.view.slice(0..<count)
        derived = memory.view.slice(count..<count + derivedCount)
        // Rows of the table that no text uses take no memory.
        gradientMemory = (0..<lanes).map { _ in PagedBuffer(count: count, sparseCount: table.count) }
        gradients = gradientMemory.map(\.view)
        let rows = size + 1 + treeDepth(max(lanes, size))
        let width = max(Self.messageSize, table.columns)
        scratchMemory = FloatBuffer(count: rows * width)
        let all = scratchMemory.view.matrix(rows: rows, columns: width)
        inbox = all.rows(0..<size)
        outbox = all.row(size)
        scratch = all.rows(size + 1..<rows)
        tableInbox = (0..<size).map { _ in GrowingBuffer() }
    }

    public func broadcastParameters(deriving derive: (Range<Int>) -> Void) throws {
        try communicator.broadcast(UnsafeMutableRawBufferPointer(parameters.elements), root: 0)
        derive(0..<parameters.count)
    }

    public var commonGradient: VectorView { gradients[0] }

    public func sumOwnedGradients(
        touchedRows: [[Int32]], summed: [Range<Int>], into target: VectorView
    ) throws -> OwnedSum {
        require(summed.isEmpty, "sums over lanes that do not share memory")
        var sum = OwnedSum()
        if table.count > 0 { sum.writtenRows = try sumTable(touchedRows, into: target) }
        try sumDense(into: target)
        for blocks in ranges.blocks(of: communicator.rank) {
            let rows = table.rows(in: ranges.elements(ofBlocks: blocks))
            var elements = TouchedElements(table, rows: sum.writtenRows.filter { rows.contains(Int($0)) })
            for number in blocks {
                let block = ranges.elements(ofBlocks: number..<number + 1)
                let isWritten = elements.forEachPart(of: block) { _, _ in }
                sum.squares.append(isWritten ? sumOfSquares(target.slice(block)) : 0)
            }
        }
        return sum
    }

    /// What others need of the lanes has left them.
    public func releaseGradients() throws {}

    public func publishParameters(deriving derive: (Range<Int>) -> Void) throws {
        func part(_ number: Int, of owner: Int) -> VectorView {
            let all = ranges.ranges(of: owner)
            return parameters.slice(number < all.count ? all[number] : 0..<0)
        }
        try forEachPair { target, source in
            for number in 0..<2 {
                try exchange(
                    part(number, of: communicator.rank), to: target, receiving: part(number, of: source), from: source)
            }
            ranges.ranges(of: source).forEach(derive)
        }
    }

    /// - Returns: the rows of the owned ranges that any rank touched.
    private func sumTable(_ touchedRows: [[Int32]], into target: VectorView) throws -> [Int32] {
        let (size, rank) = (communicator.size, communicator.rank)
        let setSize = RowSet.wordCount(table)
        var own = [UInt64](repeating: 0, count: setSize)
        own.withUnsafeMutableBufferPointer { RowSet($0).assign(touchedRows.flatMap { $0 }) }
        var all = try communicator.allGather(own)
        return try all.withUnsafeMutableBufferPointer { words in
            let sets = (0..<size).map {
                RowSet(UnsafeMutableBufferPointer(rebasing: words[$0 * setSize..<($0 + 1) * setSize]))
            }
            let expected = sets.map { fragments(of: [$0], owner: rank) }
            let parts = zip(expected, tableInbox).map { $1.vector($0.reduce(0) { $0 + $1.elements.count }) }
            pack(expected[rank], into: parts[rank])
            try forEachPair { target, source in
                let leaving = fragments(of: [sets[rank]], owner: target)
                let outgoing = tableOutbox.vector(leaving.reduce(0) { $0 + $1.elements.count })
                pack(leaving, into: outgoing)
                try exchange(outgoing, to: target, receiving: parts[source], from: source)
            }
            // Each rank's rows come in ascending order: one place in each part moves on with the rows.
            var places = [Int](repeating: 0, count: size)
            let written = fragments(of: sets, owner: rank)
            for fragment in written {
                let count = fragment.elements.count
                let rows = (0..<size).map { source -> VectorView? in
                    guard sets[source].contains(fragment.row) else { return nil }
                    defer { places[source] += count }
                    return parts[source].slice(places[source]..<places[source] + count)
                }
                sumTree(leaves: size, into: target.slice(fragment.elements), scratch: scratch) { rows[$0] }
            }
            return written.map { Int32($0.row) }
        }
    }

    /// A row of the table, or what part of it an owner has.
    private struct Fragment {
        let row: Int
        let elements: Range<Int>
    }

    private func fragments(of sets: [RowSet], owner: Int) -> [Fragment] {
        ranges.ranges(of: owner).flatMap { range in
            RowSet.rows(inAnyOf: sets, table.rows(in: range)).map {
                Fragment(row: Int($0), elements: table.elements(ofRow: Int($0), in: range))
            }
        }
    }

    private func pack(_ fragments: [Fragment], into target: VectorView) {
        var place = 0
        for fragment in fragments {
            let end = place + fragment.elements.count
            sumLanes(fragment.elements, into: target.slice(place..<end))
            place = end
        }
    }

    private func sumDense(into target: VectorView) throws {
        let (size, rank) = (communicator.size, communicator.rank)
        let dense = (0..<size).map { owner in
            ranges.ranges(of: owner).last.map { max($0.lowerBound, table.count)..<max($0.upperBound, table.count) }
                ?? 0..<0
        }
        for offset in stride(from: 0, to: dense.map(\.count).max() ?? 0, by: Self.messageSize) {
            func piece(of owner: Int) -> Range<Int> {
                let start = min(dense[owner].lowerBound + offset, dense[owner].upperBound)
                return start..<min(start + Self.messageSize, dense[owner].upperBound)
            }
            let own = piece(of: rank)
            sumLanes(own, into: inbox.row(rank).slice(0..<own.count))
            try forEachPair { target, source in
                let outgoing = outbox.slice(0..<piece(of: target).count)
                sumLanes(piece(of: target), into: outgoing)
                try exchange(outgoing, to: target, receiving: inbox.row(source).slice(0..<own.count), from: source)
            }
            if own.isEmpty { continue }
            sumTree(leaves: size, into: target.slice(own), scratch: scratch) {
                inbox.row($0).slice(0..<own.count)
            }
        }
    }

    /// The sum over this rank's lanes, which are a whole subtree.
    private func sumLanes(_ piece: Range<Int>, into target: VectorView) {
        if piece.isEmpty { return }
        sumTree(leaves: gradients.count, into: target, scratch: scratch) { gradients[$0].slice(piece) }
    }

    /// Calls `body` with each other rank once as the one to send to, and once as the one to receive from.
    private func forEachPair(_ body: (_ target: Int, _ source: Int) throws -> Void) rethrows {
        let (size, rank) = (communicator.size, communicator.rank)
        for distance in 1..<max(size, 1) { try body((rank + distance) % size, (rank - distance + size) % size) }
    }

    private func exchange(_ outgoing: VectorView, to target: Int, receiving incoming: VectorView, from source: Int)
        throws
    {
        try communicator.exchange(
            UnsafeRawBufferPointer(outgoing.elements), to: target,
            receiving: UnsafeMutableRawBufferPointer(incoming.elements), from: source, tag: 1)
    }
}

extension VectorView {
    fileprivate var elements: UnsafeMutableBufferPointer<Float> { .init(start: base, count: count) }
}
