import LinearAlgebra
import MPI

/// The buffers of a replica and what the ranks do with them together: add up gradients, hand round parameters.
///
/// Each rank has one gradient buffer per *lane*: a thread's share of consecutive canonical shards. The lanes of all ranks, in
/// order, are the leaves of the balanced binary tree over the shards from some height on, so that the sum over lanes gives the
/// bits of the sum over shards.
public protocol ReplicaExchange: AnyObject, Sendable {
    /// What part of the flat buffers each rank owns.
    var ranges: OwnedRanges { get }
    /// The flat buffer of this rank's parameters.
    var parameters: VectorView { get }
    /// The flat gradient buffers of this rank's lanes.
    var gradients: [VectorView] { get }

    /// The sum over all lanes of all ranks, of the owned range only.
    var ownedGradient: VectorView { get }

    /// Collective: overwrites `ownedGradient`; the lanes keep their own.
    func sumOwnedGradients() throws
    /// Collective: overwrites the parameters outside of the owned range with those of their owners.
    func publishParameters() throws
}

/// Chooses how the replicas exchange.
public enum ExchangeKind: String, Sendable, CaseIterable {
    /// Shared memory where all ranks run on one machine that has room for it, else messages.
    case auto
    case shared
    case messages
}

/// Elements that are added up at a time: a few such pieces stay in a second-level cache.
let exchangePiece = 16_384

/// Adds up pieces as the balanced binary tree over them.
///
/// - Parameters:
///   - leaves: how many there are.
///   - leaf: the elements of one.
///   - target: overwritten; must be none of the leaves.
///   - scratch: rows of at least `target.count` elements, `treeDepth(leaves)` of them.
func sumTree(
    leaves: Range<Int>, into target: VectorView, scratch: MatrixView, depth: Int = 0, leaf: (Int) -> VectorView
) {
    if leaves.count == 1 {
        target.copy(from: leaf(leaves.lowerBound))
        return
    }
    let middle = leaves.lowerBound + treeSplit(leaves.count)
    if leaves.count == 2 {
        add(leaf(leaves.lowerBound), leaf(middle), into: target)
        return
    }
    sumTree(leaves: leaves.lowerBound..<middle, into: target, scratch: scratch, depth: depth + 1, leaf: leaf)
    if leaves.upperBound - middle == 1 {
        add(leaf(middle), to: target)
    } else {
        let other = scratch.row(depth).slice(0..<target.count)
        sumTree(leaves: middle..<leaves.upperBound, into: other, scratch: scratch, depth: depth + 1, leaf: leaf)
        add(other, to: target)
    }
}
