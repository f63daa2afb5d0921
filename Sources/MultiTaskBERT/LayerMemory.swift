import Kernels
import LinearAlgebra

/// What a layer's forward pass leaves for its backward pass; the memory is reused from step to step.
///
/// Where products take bfloat16, the backward pass wants the inputs of most products in that alone; their single-precision form
/// is then shared by all layers.
final class LayerActivations {
    private let precision: ProductPrecision
    private let memory: Memory
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

    /// The memory of each, by its name; of operands in both forms.
    private struct Memory {
        let projections, queries, context, attended, selected, intermediate, output: GrowingBuffer
        let attentionNormalized, outputNormalized: GrowingBuffer
        let attentionStatistics, attentionDeviation, outputDeviation: GrowingBuffer
        let halfInput, halfContext, halfAttended, halfSelected: GrowingBuffer

        init(in arena: MemoryArena?) {
            // All but the statistics and the deviations take part in products.
            func buffer() -> GrowingBuffer { GrowingBuffer(in: arena) }
            (projections, queries, context, attended) = (buffer(), buffer(), buffer(), buffer())
            (selected, intermediate, output) = (buffer(), buffer(), buffer())
            (attentionNormalized, outputNormalized) = (buffer(), buffer())
            (attentionStatistics, attentionDeviation) = (GrowingBuffer(), GrowingBuffer())
            outputDeviation = GrowingBuffer()
            (halfInput, halfContext, halfAttended, halfSelected) = (buffer(), buffer(), buffer(), buffer())
        }
    }

    init(_ precision: ProductPrecision, in arena: MemoryArena?) {
        self.precision = precision
        memory = Memory(in: arena)
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
        func half(_ buffer: GrowingBuffer, _ rows: Int) -> BFloat16View? {
            guard precision == .bfloat16 else { return nil }
            let memory = vector(buffer, VectorView.elements(ofBFloat16: rows * hidden))
            return memory.bfloat16Matrix(rows: rows, columns: hidden)
        }
        let isWhole = layerRows == .tokens
        projections = matrix(memory.projections, tokens, columns: (isWhole ? 3 : 2) * hidden)
        attentionStatistics = vector(
            memory.attentionStatistics,
            Attention.statisticsCount(headCount: configuration.attentionHeadCount, batch.sequenceOffsets[...]))
        input = ProductOperand(single: states, half: half(memory.halfInput, tokens))
        context = ProductOperand(
            single: matrix(memory.context, rows, columns: hidden), half: half(memory.halfContext, rows))
        if isWhole {
            (selected, queries) = (input, nil)
        } else {
            selected = ProductOperand(
                single: matrix(memory.selected, rows, columns: hidden), half: half(memory.halfSelected, rows))
            queries = matrix(memory.queries, rows, columns: hidden)
        }
        attentionNormalized = matrix(memory.attentionNormalized, rows, columns: hidden)
        attentionInverseDeviation = vector(memory.attentionDeviation, rows)
        // Of the two forms in which a product may take it, the backward pass reads one only.
        let attendedHalf = half(memory.halfAttended, rows)
        attended = ProductOperand(
            single: attendedHalf == nil
                ? matrix(memory.attended, rows, columns: hidden) : shared.attended.matrix(rows: rows, columns: hidden),
            half: attendedHalf)
        intermediate = matrix(memory.intermediate, rows, columns: configuration.intermediateSize)
        outputNormalized = matrix(memory.outputNormalized, rows, columns: hidden)
        outputInverseDeviation = vector(memory.outputDeviation, rows)
        output = matrix(memory.output, rows, columns: hidden)
    }

    /// Elements that `reserve` takes from an arena for each token of a batch.
    static func elementsPerToken(_ configuration: BERTConfiguration, _ precision: ProductPrecision) -> Int {
        let hidden = configuration.hiddenSize
        return 8 * hidden + configuration.intermediateSize + (precision == .bfloat16 ? hidden : 0)
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

/// Memory that all layers use one after the other, for the gradients inside a layer and for single operations of both passes, and
/// the time that these take.
///
/// What the gradients of weights are computed from is there twice where lanes sum them together: a lane goes on with the layer
/// below before they are computed.
final class LayerWorkspace {
    private let activatedMemory, contextMemory: GrowingBuffer
    private let sets: [OperandBuffers]
    private var current = 0
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
    let tree: GrowingBuffer
    private let productScratch: ProductScratch
    let attention = GrowingBuffer()
    /// Where the time goes.
    var profile = PassProfile()

    private let precision: ProductPrecision

    private let sharing: ProductSharing?

    /// Memory for operands of the gradients of one layer's weights.
    private final class OperandBuffers {
        let output, attention, projections, queries: GrowingBuffer
        /// For `intermediate`, and for the activation function's output, which is the same memory in the forward pass and in
        /// bfloat16 has its own.
        let intermediate, activated: GrowingBuffer
        /// The sums of this round whose operands may be here.
        var sums = 0

        init(in arena: MemoryArena?) {
            func buffer() -> GrowingBuffer { GrowingBuffer(in: arena) }
            (output, attention, projections, queries) = (buffer(), buffer(), buffer(), buffer())
            (intermediate, activated) = (buffer(), buffer())
        }
    }

    init(_ precision: ProductPrecision, _ sharing: ProductSharing?) {
        self.precision = precision
        self.sharing = sharing
        productScratch = sharing?.scratch ?? ProductScratch()
        tree = sharing?.tree ?? GrowingBuffer()
        (activatedMemory, contextMemory) = (GrowingBuffer(in: sharing?.arena), GrowingBuffer(in: sharing?.arena))
        sets = (0..<(sharing == nil ? 1 : 2)).map { _ in OperandBuffers(in: sharing?.arena) }
    }

    /// Elements that the buffers take from an arena for each token of a batch.
    static func elementsPerToken(_ configuration: BERTConfiguration, _ precision: ProductPrecision) -> Int {
        let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
        switch precision {
        case .single: return 2 * (6 * hidden + intermediate) + hidden
        case .bfloat16: return 2 * (3 * hidden + intermediate) + hidden + intermediate
        }
    }

    /// Computes parts of other lanes' products until no lane computes any more.
    func help() -> Int { sharing?.help() ?? 0 }

    func products(_ shardOffsets: [Int]) -> LinearProducts {
        LinearProducts(shardOffsets: shardOffsets, scratch: productScratch, tree: tree, sharing: sharing)
    }

    /// What the activation function of a feed-forward block gives in the forward pass [rows, intermediateSize], in the
    /// memory of its gradient where it can be.
    func activated(_ configuration: BERTConfiguration, rows: Int) -> OperandView {
        let set = sets[current]
        return operand(
            precision == .single ? set.intermediate : set.activated, rows, columns: configuration.intermediateSize)
    }

    /// The same in the backward pass: in the memory of `input`, or in bfloat16.
    func activated(over input: MatrixView) -> OperandView {
        precision == .single
            ? .single(input) : operand(sets[current].activated, input.rows, columns: input.columns)
    }

    /// An operand in the precision of the products.
    private func operand(_ buffer: GrowingBuffer, _ rows: Int, columns: Int) -> OperandView {
        precision == .single
            ? .single(buffer.matrix(rows: rows, columns: columns))
            : .half(buffer.bfloat16Matrix(rows: rows, columns: columns))
    }

    /// For the backward pass of the next layer. Waits until memory of sums that are computed together is free.
    func reserve(_ configuration: BERTConfiguration, _ batch: PackedBatch, _ layerRows: LayerRows) {
        let added = sharing?.addedCount ?? 0
        // Numbers of an earlier round say nothing of this one.
        if added == 0 { for set in sets { set.sums = 0 } }
        sets[current].sums = added
        current = (current + 1) % sets.count
        let set = sets[current]
        if set.sums > 0 { profile.measure(.products) { _ = sharing?.wait(forSums: set.sums) } }
        let (tokens, rows, hidden) = (batch.tokenCount, layerRows.count(batch), configuration.hiddenSize)
        outputProduct = operand(set.output, rows, columns: hidden)
        intermediate = operand(set.intermediate, rows, columns: configuration.intermediateSize)
        if case .single(let matrix) = intermediate {
            activated = matrix
        } else {
            activated = activatedMemory.matrix(rows: rows, columns: configuration.intermediateSize)
        }
        attentionProduct = operand(set.attention, rows, columns: hidden)
        let isWhole = layerRows == .tokens
        projections = operand(set.projections, tokens, columns: (isWhole ? 3 : 2) * hidden)
        queries = isWhole ? nil : operand(set.queries, rows, columns: hidden)
        context = contextMemory.matrix(rows: rows, columns: hidden)
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
