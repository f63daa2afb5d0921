import DataParallel
import LinearAlgebra

/// One lane's part in computing products together with lanes that are done.
///
/// `@unchecked Sendable`: one thread uses it at a time.
public final class ProductSharing: @unchecked Sendable {
    /// Memory that the other lanes see.
    package let arena: MemoryArena
    private let board: WorkBoard
    private let lane: Int
    /// To be called where the lane comes to wait for helpers.
    private var notesProgress: () -> Void = {}

    /// - Parameter lane: of this rank.
    public init(_ board: WorkBoard, lane: Int) {
        (self.board, self.lane) = (board, lane)
        let memory = board.arenas[lane]
        let count = memory.count / MemoryLayout<Float>.stride
        arena = MemoryArena(
            VectorView(memory.baseAddress!.bindMemory(to: Float.self, capacity: count), count: count))
    }

    /// Computes a product, in parts where there is somebody to take some.
    func run(_ product: LinearProduct, _ scratch: ProductScratch, tree: GrowingBuffer) {
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
    func help(_ scratch: ProductScratch, tree: GrowingBuffer) -> Int {
        board.help(lane: lane) { job, part in
            LinearProduct(part: part, of: job, board.pointer).run(scratch, tree: tree)
        }
    }

    /// Runs what computes products that may be shared.
    ///
    /// - Parameter notesProgress: called where the lane comes to wait for helpers.
    public func computing<Result>(notesProgress: @escaping () -> Void, _ body: () -> Result) -> Result {
        self.notesProgress = notesProgress
        board.begin()
        defer { board.end() }
        return body()
    }

    /// Bytes that a lane's arena should have: with them the operands and results of all products of batches of so many tokens are
    /// seen by others, where batches differ by less than a factor of two.
    public static func arenaByteCount(_ model: ModelShape, _ precision: ProductPrecision, tokens: Int) -> Int {
        let configuration = model.configuration
        let lowest = LayerActivations.elements(configuration, precision, tokens: tokens, beyond: [])
        let other = LayerActivations.elements(
            configuration, precision, tokens: tokens, beyond: configuration.matrixSizes)
        let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
        // Of the gradients inside a layer, of the embeddings and of what layers share.
        let work = precision == .bfloat16 ? 7 * hidden + 2 * intermediate : 9 * hidden + intermediate
        return 2 * MemoryLayout<Float>.stride
            * (lowest + (configuration.layerCount - 1) * other + tokens * work)
    }
}
