import Kernels
import LinearAlgebra

/// What a layer's forward pass leaves for its backward pass; the memory is reused from step to step.
///
/// Where products take bfloat16, the backward pass wants the inputs of most products in that alone; their single-precision form
/// is then shared by all layers.
final class LayerActivations {
    private let precision: ProductPrecision
    private let buffers, halfBuffers: [GrowingBuffer]
    /// The layer's input as its first product takes it [tokens, hiddenSize].
    private(set) var input = ProductOperand.empty
    /// The rows of the input that the queries and the residual sum take [rows, hiddenSize].
    private(set) var selected = ProductOperand.empty
    /// Query, key and value before their biases; side by side [tokens, 3 · hiddenSize], or key and value alone
    /// [tokens, 2 · hiddenSize] where the queries have their own rows.
    private(set) var projections = MatrixView.empty
    /// [rows, hiddenSize]; nil where all rows are wanted.
    private(set) var queries: MatrixView?
    /// What attention's backward pass needs of the softmax of every sequence and attention head, one after the other.
    private(set) var attentionStatistics = VectorView.empty
    /// [rows, hiddenSize].
    private(set) var context = ProductOperand.empty
    private(set) var attentionNormalized = MatrixView.empty
    private(set) var attentionInverseDeviation = VectorView.empty
    /// The output of the attention block [rows, hiddenSize].
    private(set) var attended = ProductOperand.empty
    /// The feed-forward block before its bias and activation function [rows, intermediateSize].
    private(set) var intermediate = MatrixView.empty
    private(set) var outputNormalized = MatrixView.empty
    private(set) var outputInverseDeviation = VectorView.empty
    /// The layer's output [rows, hiddenSize].
    private(set) var output = MatrixView.empty

    init(_ precision: ProductPrecision, in arena: MemoryArena?) {
        self.precision = precision
        buffers = (0..<12).map { _ in GrowingBuffer(in: arena) }
        halfBuffers = (0..<4).map { _ in GrowingBuffer(in: arena) }
    }

    /// - Parameters:
    ///   - states: [tokens, hiddenSize], the layer's input.
    ///   - rows: for which the layer's output is wanted.
    ///   - shared: memory for single-precision forms that no backward pass reads.
    ///   - idle: memory that nothing else uses as long as the activations are needed; filled first.
    func reserve(
        _ configuration: BERTConfiguration, _ batch: PackedBatch, input states: MatrixView, _ layerRows: LayerRows,
        shared: SharedActivations, idle: [VectorView] = []
    ) {
        let (tokens, rows, hidden) = (batch.tokenCount, layerRows.count(batch), configuration.hiddenSize)
        var idle = idle
        func vector(_ buffer: GrowingBuffer, _ count: Int) -> VectorView {
            let wholeLines = (count + laneCount - 1) / laneCount * laneCount
            guard let place = idle.firstIndex(where: { $0.count >= wholeLines }) else { return buffer.vector(count) }
            let memory = idle[place]
            idle[place] = memory.slice(wholeLines..<memory.count)
            return memory.slice(0..<count)
        }
        func matrix(_ buffer: GrowingBuffer, _ rows: Int, columns: Int) -> MatrixView {
            vector(buffer, rows * columns).matrix(rows: rows, columns: columns)
        }
        func half(_ index: Int, _ rows: Int) -> BFloat16View? {
            guard precision == .bfloat16 else { return nil }
            let memory = vector(halfBuffers[index], VectorView.elements(ofBFloat16: rows * hidden))
            return memory.bfloat16Matrix(rows: rows, columns: hidden)
        }
        let isWhole = layerRows == .tokens
        projections = matrix(buffers[0], tokens, columns: (isWhole ? 3 : 2) * hidden)
        attentionStatistics = vector(
            buffers[1],
            Attention.statisticsCount(headCount: configuration.attentionHeadCount, batch.sequenceOffsets[...]))
        input = ProductOperand(single: states, half: half(0, tokens))
        context = ProductOperand(single: matrix(buffers[2], rows, columns: hidden), half: half(1, rows))
        if isWhole {
            (selected, queries) = (input, nil)
        } else {
            selected = ProductOperand(single: matrix(buffers[10], rows, columns: hidden), half: half(3, rows))
            queries = matrix(buffers[11], rows, columns: hidden)
        }
        attentionNormalized = matrix(buffers[3], rows, columns: hidden)
        attentionInverseDeviation = vector(buffers[4], rows)
        // Of the two forms in which a product may take it, the backward pass reads one only.
        let attendedHalf = half(2, rows)
        attended = ProductOperand(
            single: attendedHalf == nil
                ? matrix(buffers[5], rows, columns: hidden) : shared.attended.matrix(rows: rows, columns: hidden),
            half: attendedHalf)
        intermediate = matrix(buffers[6], rows, columns: configuration.intermediateSize)
        outputNormalized = matrix(buffers[7], rows, columns: hidden)
        outputInverseDeviation = vector(buffers[8], rows)
        output = matrix(buffers[9], rows, columns: hidden)
    }

    /// Elements that `reserve` takes of its own for a batch of so many tokens, beside idle memory in pieces of these sizes.
    static func elements(
        _ configuration: BERTConfiguration, _ precision: ProductPrecision, tokens: Int, beyond idle: [Int]
    ) -> Int {
        let (hidden, intermediate) = (tokens * configuration.hiddenSize, tokens * configuration.intermediateSize)
        // Sequences of less than 16 tokens take as much as those of 16.
        let statistics = 4 * tokens * configuration.attentionHeadCount
        let single = [3 * hidden, statistics, hidden, hidden, hidden, intermediate, hidden, hidden]
        let half = hidden / 2
        let mixed = [3 * hidden, statistics, half, hidden, half, hidden, half, intermediate, hidden, hidden]
        var (idle, rest) = (idle, 0)
        for need in precision == .bfloat16 ? mixed : single {
            if let place = idle.firstIndex(where: { $0 >= need }) { idle[place] -= need } else { rest += need }
        }
        return rest
    }

    /// What attention takes.
    var attentionProjections: AttentionProjections<MatrixView> {
        queries.map { AttentionProjections(query: $0, keyValue: projections) } ?? AttentionProjections(projections)
    }
}

/// Memory that the layers use one after the other in the forward pass.
final class SharedActivations {
    let attended: GrowingBuffer

    init(in arena: MemoryArena?) { attended = GrowingBuffer(in: arena) }
}

/// Memory for the gradients inside a layer, shared by all layers, and the time that they take.
final class LayerGradients {
    private let buffers, halfBuffers: [GrowingBuffer]
    /// Of the product that ends the feed-forward block [rows, hiddenSize].
    private(set) var outputProduct = OperandView.single(.empty)
    /// Of what the activation function gives [rows, intermediateSize].
    private(set) var activated = MatrixView.empty
    /// Of what the activation function takes [rows, intermediateSize]; in the memory of `activated` where it can be.
    private(set) var intermediate = OperandView.single(.empty)
    /// Of the product that ends the attention block [rows, hiddenSize].
    private(set) var attentionProduct = OperandView.single(.empty)
    /// [rows, hiddenSize].
    private(set) var context = MatrixView.empty
    /// As `LayerActivations.projections` and `queries`.
    private(set) var projections = OperandView.single(.empty)
    private(set) var queries: OperandView?
    /// The vectors of each shard, to be added up over the shards.
    let vectors = GrowingBuffer()
    let tree = GrowingBuffer()
    private let productScratch = ProductScratch()
    let attention = GrowingBuffer()
    /// Where the time goes.
    var profile = PassProfile()

    private let precision: ProductPrecision

    private let sharing: ProductSharing?

    init(_ precision: ProductPrecision, _ sharing: ProductSharing?) {
        self.precision = precision
        self.sharing = sharing
        buffers = (0..<6).map { _ in GrowingBuffer(in: sharing?.arena) }
        halfBuffers = (0..<6).map { _ in GrowingBuffer(in: sharing?.arena) }
    }

    /// Computes parts of other lanes' products until no lane computes any more.
    func help() -> Int { sharing?.help(productScratch, tree: tree) ?? 0 }

    func products(_ shardOffsets: [Int]) -> LinearProducts {
        LinearProducts(shardOffsets: shardOffsets, scratch: productScratch, tree: tree, sharing: sharing)
    }

    /// What the activation function of a feed-forward block gives in the forward pass [rows, intermediateSize], in the
    /// memory of its gradient where it can be.
    func activated(_ configuration: BERTConfiguration, rows: Int) -> OperandView {
        operand(1, half: 4, rows, columns: configuration.intermediateSize)
    }

    /// The same in the backward pass: in the memory of `input`, or in bfloat16.
    func activated(over input: MatrixView) -> OperandView {
        precision == .single
            ? .single(input) : .half(halfBuffers[4].bfloat16Matrix(rows: input.rows, columns: input.columns))
    }

    /// An operand in the precision of the products.
    private func operand(_ index: Int, half: Int? = nil, _ rows: Int, columns: Int) -> OperandView {
        precision == .single
            ? .single(buffers[index].matrix(rows: rows, columns: columns))
            : .half(halfBuffers[half ?? index].bfloat16Matrix(rows: rows, columns: columns))
    }

    func reserve(_ configuration: BERTConfiguration, _ batch: PackedBatch, _ layerRows: LayerRows) {
        let (tokens, rows, hidden) = (batch.tokenCount, layerRows.count(batch), configuration.hiddenSize)
        outputProduct = operand(0, rows, columns: hidden)
        activated = buffers[1].matrix(rows: rows, columns: configuration.intermediateSize)
        intermediate = operand(1, rows, columns: configuration.intermediateSize)
        attentionProduct = operand(2, rows, columns: hidden)
        let isWhole = layerRows == .tokens
        projections = operand(3, tokens, columns: (isWhole ? 3 : 2) * hidden)
        queries = isWhole ? nil : operand(5, rows, columns: hidden)
        context = buffers[4].matrix(rows: rows, columns: hidden)
    }

    /// Where attention's backward pass writes.
    var attentionProjections: AttentionProjections<OperandView> {
        queries.map { AttentionProjections(query: $0, keyValue: projections) } ?? AttentionProjections(projections)
    }
}

extension MatrixView {
    /// A matrix without elements, for what has not been computed yet.
    static var empty: MatrixView { MatrixView(UnsafeMutablePointer(bitPattern: 64)!, rows: 0, columns: 0) }
}

extension VectorView {
    static var empty: VectorView { VectorView(UnsafeMutablePointer(bitPattern: 64)!, count: 0) }
}
