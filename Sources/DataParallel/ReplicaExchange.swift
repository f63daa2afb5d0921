import LinearAlgebra
import MPI

/// The buffers of a replica and what the ranks do with them together: add up gradients, hand round parameters.
///
/// Each rank has one gradient buffer per *lane*: a thread's share of consecutive canonical shards. The lanes of all ranks, in
/// order, are the leaves of the balanced binary tree over the shards from some height on, so that the sum over lanes gives the
/// bits of the sum over shards.
///
/// Between `sumOwnedGradients` and `publishParameters` each rank may write its owned ranges of the parameters, and no rank may
/// read others'. At any other time nobody writes them: replicas on one machine may be the same memory.
public protocol ReplicaExchange: AnyObject, Sendable {
    /// What parts of the flat buffers each rank owns.
    var ranges: OwnedRanges { get }
    /// The flat buffer of the parameters.
    var parameters: VectorView { get }
    /// The flat gradient buffers of this rank's lanes, zeros at first.
    var gradients: [VectorView] { get }
    /// The flat gradient buffer of the first lane of all ranks where they share memory, else that of this rank's first.
    var commonGradient: VectorView { get }
    /// The part of the flat buffers at their start of whose gradient a step fills few rows.
    var table: SparseTable { get }
    /// Memory for what is computed from the parameters, such as copies in another precision: once wherever the parameters are
    /// there once.
    var derived: VectorView { get }

    /// Collective: fills every replica's parameters with rank 0's.
    ///
    /// - Parameter derive: brings up to date what `derived` holds of a range of the parameters. The ranges of all calls, those of
    ///   other ranks included where they share the memory, are all parameters.
    func broadcastParameters(deriving derive: (Range<Int>) -> Void) throws
    /// Collective: puts the sum over all lanes of all ranks into the owned ranges of a flat buffer. No lane may be written
    /// until `releaseGradients` or `publishParameters`, but for what the target is.
    ///
    /// - Parameters:
    ///   - touchedRows: for each lane the rows of the sparse table that may be other than zero.
    ///   - summed: ranges behind the table, ascending, in which `commonGradient` holds the sum already; only in shared memory.
    ///     With the first lane as the target it stays there alone.
    ///   - target: the first lane, or a buffer beside the lanes. Rows of the table that no lane touched stay as they are in
    ///     it, and must be zero.
    func sumOwnedGradients(
        touchedRows: [[Int32]], summed: [Range<Int>], into target: VectorView
    ) throws -> OwnedSum
    /// Collective: afterwards the lanes may be written again.
    func releaseGradients() throws
    /// Collective: every rank sees what the others wrote to their owned ranges of the parameters, and of what is derived from
    /// them.
    ///
    /// - Parameter derive: brings up to date what `derived` holds of another rank's ranges, where that rank does not do so in the
    ///   same memory.
    func publishParameters(deriving derive: (Range<Int>) -> Void) throws
}

extension ReplicaExchange {
    /// Collective: puts the sum into the first lane. The rest of that lane and all other lanes stay as they are.
    public func sumOwnedGradients(touchedRows: [[Int32]], summed: [Range<Int>] = []) throws -> OwnedSum {
        try sumOwnedGradients(touchedRows: touchedRows, summed: summed, into: gradients[0])
    }
}

/// What there is to know of a sum over all lanes in this rank's owned ranges.
public struct OwnedSum: Sendable, Equatable {
    /// The sum of squares of each owned block, ascending; `sumOfSquares`.
    public internal(set) var squares: [Double] = []
    /// The rows of the sparse table that were written, in whole or in part, ascending.
    public internal(set) var writtenRows: [Int32] = []
}

/// Chooses how the replicas exchange.
public enum ExchangeKind: String, Sendable, CaseIterable {
    /// Shared memory where all ranks run on one machine that has room for it, else messages.
    case auto
    case shared
    case messages
}
