import DataParallel
import Glibc
import LinearAlgebra

/// One lane's part in computing products together with the other lanes of a machine.
///
/// The products of a layer's rows are the lane's own; lanes that wait take parts of them. The gradients of weights belong to all
/// lanes: each puts down its operands, and who has time computes the sum over the shards of all lanes. So each gradient is
/// written once, and nothing is left to be added up.
///
/// `@unchecked Sendable`: one thread uses it at a time.
public final class ProductSharing: @unchecked Sendable {
    /// Memory that the other lanes see.
    package let arena: MemoryArena
    /// The flat gradient buffer that the sums over all lanes are written to.
    let sums: VectorView
    let scratch = ProductScratch()
    /// Memory for the tree over shards of products in bfloat16.
    let tree = GrowingBuffer()
    /// Sums of about one layer.
    private static let reserve = 4
    private let board: WorkBoard
    private let terms: TermBoard
    private let lane: Int
    private let mostTokens: Int
    /// To be called where the lane comes to wait for others.
    private var notesProgress: () -> Void = {}
    private var round = 0
    /// Whether this lane's terms are to come in this round.
    private(set) var mayAdd = false
    /// The sums of this round that have this lane's term; those before `finishedCount` are finished, of those before
    /// `takenCount` somebody has every part.
    private(set) var addedCount = 0
    private var (finishedCount, takenCount) = (0, 0)

    /// - Parameters:
    ///   - lane: of this rank.
    ///   - sums: a flat gradient buffer that all lanes see.
    ///   - mostTokens: of the largest batch that comes.
    public init(_ board: WorkBoard, _ terms: TermBoard, lane: Int, sums: VectorView, mostTokens: Int) {
        (self.board, self.terms, self.lane, self.sums) = (board, terms, lane, sums)
        self.mostTokens = mostTokens
        let memory = board.arenas[lane]
        let count = memory.count / MemoryLayout<Float>.stride
        arena = MemoryArena(
            VectorView(memory.baseAddress!.bindMemory(to: Float.self, capacity: count), count: count))
    }

    // MARK: Products of rows

    /// Runs what computes products that may be shared.
    ///
    /// - Parameter notesProgress: called where the lane waits for others, again and again.
    public func computing<Result>(notesProgress: @escaping () -> Void, _ body: () -> Result) -> Result {
        self.notesProgress = notesProgress
        board.begin()
        defer { board.end() }
        return body()
    }

    /// A batch of so many tokens begins.
    func beginBatch(tokens: Int) { arena.growth = Double(mostTokens) / Double(max(tokens, 1)) }

    /// Computes a product, in parts where there is somebody to take some.
    func run(_ product: LinearProduct) {
        // First of all, so that what has to be tried out for it is tried out in the first step.
        let grid = product.grid
        guard board.hasHelpers, grid.count > 1,
            let job = product.job(grid, board.place), job.count <= WorkBoard.jobCapacity
        else { return product.run(scratch, tree: tree) }
        board.share(
            job, parts: grid.count, lane: lane, run: { product.part($0, of: grid).run(scratch, tree: tree) },
            wait: notesProgress)
    }

    /// Computes parts of other lanes' products until no lane computes any more.
    ///
    /// - Returns: how many parts it computed.
    func help() -> Int { board.help(lane: lane, run: helpWith) }

    private func helpWith(_ job: UnsafeBufferPointer<Int>, _ part: Int) {
        LinearProduct(part: part, of: [job], board.pointer).run(scratch, tree: tree)
    }

    // MARK: Sums over all lanes

    /// Runs what computes a lane's gradient. All lanes do so, as often as each other.
    ///
    /// - Parameters:
    ///   - batchTokens: where the lane computes all of its shards as one batch, the tokens of that, else nil. If all lanes do so,
    ///     gradients of weights are summed over the lanes.
    ///   - notesProgress: as that of `computing`.
    ///   - body: gives nil where it is stopped.
    /// - Returns: nil where it was stopped, here or, if there was something to be summed, on another lane.
    public func computingGradient<Result>(
        batchTokens: Int?, notesProgress: @escaping () -> Void, _ body: () -> Result?
    ) -> Result? {
        computing(notesProgress: notesProgress) {
            // Of larger batches, and where the arena had too little room, there are buffers that other lanes do not see.
            mayAdd = batchTokens.map { $0 <= mostTokens } ?? false && arena.refusals == 0
            round += 1
            (addedCount, finishedCount, takenCount) = (0, 0, 0)
            terms.join(round, comes: mayAdd)
            defer { mayAdd = false }
            guard let result = body() else {
                terms.abandon(round)
                return nil
            }
            return wait(forSums: addedCount) ? result : nil
        }
    }

    /// Whether all lanes' terms come in this round: the gradients of weights then go to `sums`. Waits until all lanes have said so.
    public var isSumming: Bool {
        guard mayAdd else { return false }
        wait { terms.isOpen(round) != nil }
        return terms.isOpen(round) == true
    }

    /// Whether the gradients of weights of the last round stand in `sums`.
    public var hasSummed: Bool { terms.isOpen(round) == true }

    /// Adds this lane's term to the next sum, and computes parts of sums that are complete.
    ///
    /// - Parameter product: over this lane's shards, into `sums`; its operands stay as they are until the sum is finished.
    func add(_ product: LinearProduct) {
        let grid = product.commonGrid
        guard let term = product.job(grid, board.place) else {
            fatalError("broken invariant: operands of a common sum in memory that other lanes do not see")
        }
        terms.add(term, to: addedCount, parts: grid.count, lane: lane, round: round)
        addedCount += 1
        // Who is behind goes on, and leaves sums to those who are ahead. Some sums are put off, so that at the end of a round there
        // is something to do for those who are ahead.
        if !terms.isBegun(addedCount, round) { _ = computeParts(before: addedCount - Self.reserve) }
    }

    /// Waits until so many sums of the round are finished, and computes parts meanwhile.
    ///
    /// - Returns: false where the round was abandoned.
    @discardableResult
    func wait(forSums count: Int) -> Bool {
        wait {
            while finishedCount < count, terms.isFinished(finishedCount, round) { finishedCount += 1 }
            return finishedCount >= count || terms.isAbandoned(round)
        }
        return finishedCount >= count
    }

    private func wait(until isDone: () -> Bool) {
        if isDone() { return }
        board.whileHelping {
            while !isDone() {
                notesProgress()
                if computeParts(before: addedCount) + board.helpOnce(lane: lane, run: helpWith) == 0 { sched_yield() }
            }
        }
    }

    /// - Returns: how many parts it computed.
    private func computeParts(before end: Int) -> Int {
        var count = 0
        while takenCount < end, terms.isComplete(takenCount, round) {
            while let part = terms.take(from: takenCount, round) {
                LinearProduct(part: part, of: terms.terms(of: takenCount), board.pointer).run(scratch, tree: tree)
                terms.finishPart(of: takenCount, round)
                count += 1
            }
            takenCount += 1
        }
        return count
    }
}

// MARK: Memory

extension ProductSharing {
    /// Bytes that a lane's arena must have: with them the operands and results of all products of batches of so many tokens are
    /// seen by others.
    public static func arenaByteCount(_ model: ModelShape, _ precision: ProductPrecision, mostTokens: Int) -> Int {
        let configuration = model.configuration
        let layer = LayerActivations.elementsPerToken(configuration, precision)
        // The last layer's rows are those of the sequences, whose number may come to grow in several steps.
        let layers = (configuration.layerCount + 2) * layer
        let other =
            ModelPass.elementsPerToken(configuration) + LayerWorkspace.elementsPerToken(configuration, precision)
        let roundings = 64 * 16 * (configuration.layerCount + 2)
        return MemoryLayout<Float>.stride * (mostTokens * (layers + other) + roundings)
    }

    /// Gradients of weights in one step.
    public static func sumCount(_ model: ModelShape) -> Int { 5 * model.configuration.layerCount }

    /// Numbers that a lane's term of a sum has.
    public static func termCapacity(shards: Int) -> Int { LinearProduct.jobSize(shards: shards) }
}
