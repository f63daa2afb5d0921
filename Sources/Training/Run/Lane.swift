import LinearAlgebra
import MultiTaskBERT
import TaskData

/// One thread's share of a rank's work: consecutive canonical shards, and the buffer for the sum of their gradients.
///
/// `@unchecked Sendable`: one thread uses a lane at a time.
final class Lane: @unchecked Sendable {
    let pass: ModelPass
    private let model: ModelShape
    let gradient: GradientBuffer
    /// Buffers for the right sides of the tree where a step's shards do not fit into one batch; made when first needed.
    private var spare: [GradientBuffer] = []
    /// Tokens of shards that are run as one batch. Running shards together saves traffic to memory and changes no bit.
    private let tokenBudget: Int

    private let copies: Int
    private let sharing: ProductSharing?

    init(
        _ model: ModelShape, parameters: VectorView, weights: EncoderWeights, gradient: VectorView, tokenBudget: Int,
        fineTuning: FineTuning = FineTuning(), sharing: ProductSharing? = nil
    ) {
        self.sharing = sharing
        self.model = model
        self.tokenBudget = tokenBudget
        copies = fineTuning.copies
        pass = ModelPass(model, parameters: parameters, weights: weights, fineTuning: fineTuning, sharing: sharing)
        self.gradient = GradientBuffer(model, flat: gradient)
    }

    /// Overwrites the lane's gradient with the sum over the shards, as the balanced binary tree over them, but for what all lanes
    /// sum together.
    ///
    /// - Parameter goesOn: asked before each batch of shards.
    /// - Returns: for each shard the sum of each task's losses; nil where `goesOn` said no.
    func computeGradient(
        of shards: ArraySlice<PackedShard>, weights: [Double], dropoutKey: UInt64?,
        goesOn: @escaping @Sendable () -> Bool
    ) -> [[Double]]? {
        func all() -> [[Double]]? { compute(shards, weights, dropoutKey, into: gradient, depth: 0, goesOn) }
        guard let sharing else { return all() }
        return sharing.computingGradient(
            batchTokens: areOneBatch(shards) ? copies * shards.reduce(0) { $0 + $1.tokenCount } : nil,
            notesProgress: { _ = goesOn() }, all)
    }

    /// Whether the last gradient of the layers' matrices stands in the buffer of all lanes, summed over them.
    var hasSummed: Bool { sharing?.hasSummed ?? false }

    /// Whether shards are run forward and backward together.
    private func areOneBatch(_ shards: ArraySlice<PackedShard>) -> Bool {
        shards.count == 1 || copies * shards.reduce(0) { $0 + $1.tokenCount } <= tokenBudget
    }

    /// The losses that `computeGradient` returns, by forward passes alone.
    ///
    /// - Parameter beforeBatch: called before each batch of shards.
    func computeLosses(
        of shards: ArraySlice<PackedShard>, dropoutKey: UInt64?, beforeBatch: @escaping @Sendable () -> Void
    ) -> [[Double]] {
        func all() -> [[Double]] { losses(shards, dropoutKey, beforeBatch) }
        guard let sharing else { return all() }
        return sharing.computing(notesProgress: beforeBatch, all)
    }

    private func losses(
        _ shards: ArraySlice<PackedShard>, _ dropoutKey: UInt64?, _ beforeBatch: () -> Void
    ) -> [[Double]] {
        if shards.count == 1 || shards.reduce(0, { $0 + $1.tokenCount }) <= tokenBudget {
            beforeBatch()
            return pass.losses(PackedBatch(shards), dropoutKey: dropoutKey)
        }
        let middle = shards.startIndex + treeSplit(shards.count)
        return losses(shards[..<middle], dropoutKey, beforeBatch) + losses(shards[middle...], dropoutKey, beforeBatch)
    }

    private var reported: (forward: Double, backward: Double) = (0, 0)

    /// The time of forward and of backward passes since the last call.
    func takeSeconds() -> (forward: Double, backward: Double) {
        let total = pass.profile.seconds
        defer { reported = total }
        return (total.forward - reported.forward, total.backward - reported.backward)
    }

    private func compute(
        _ shards: ArraySlice<PackedShard>, _ weights: [Double], _ dropoutKey: UInt64?, into target: GradientBuffer,
        depth: Int, _ goesOn: () -> Bool
    ) -> [[Double]]? {
        guard goesOn() else { return nil }
        if areOneBatch(shards) {
            return pass.gradient(PackedBatch(shards), weights: weights, dropoutKey: dropoutKey, into: target)
        }
        let middle = shards.startIndex + treeSplit(shards.count)
        guard let left = compute(shards[..<middle], weights, dropoutKey, into: target, depth: depth + 1, goesOn) else {
            return nil
        }
        while spare.count <= depth { spare.append(GradientBuffer(model)) }
        guard
            let right = compute(shards[middle...], weights, dropoutKey, into: spare[depth], depth: depth + 1, goesOn)
        else { return nil }
        pass.add(spare[depth], to: target)
        return left + right
    }
}

extension PackedBatch {
    /// The shards as the model takes them.
    init(_ shards: some Collection<PackedShard>) {
        self.init(
            shards: shards.map { shard in
                let sequences = (0..<shard.sequenceCount).map { index in
                    Sequence(
                        ids: shard.tokenIDs[shard.sequenceOffsets[index]..<shard.sequenceOffsets[index + 1]],
                        secondSegmentStart: shard.secondSegmentStarts[index], task: shard.tasks[index],
                        label: shard.labels[index])
                }
                return (shard.number, sequences)
            })
    }
}
