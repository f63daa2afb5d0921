import LinearAlgebra

/// The gradient of all parameters, for one or several shards: dense, but knowing which rows of the word table hold anything,
/// so that the others need neither be cleared nor written nor added up.
public final class GradientBuffer: @unchecked Sendable {
    /// The flat buffer in the layout of the parameters.
    public let flat: VectorView
    let tensors: ModelTensors
    /// The rows of the word table that may be other than zero, ascending.
    public private(set) var touchedWords: [Int32] = []
    private let memory: PagedBuffer?

    /// - Parameter flat: zeroed memory of the layout's size that somebody else keeps; own memory where nil.
    public init(_ model: ModelShape, flat: VectorView? = nil) {
        let configuration = model.configuration
        memory =
            flat == nil
            ? PagedBuffer(
                count: model.layout.count, sparseCount: configuration.vocabularySize * configuration.hiddenSize) : nil
        self.flat = flat ?? memory!.view
        tensors = model.tensors(self.flat)
    }

    /// Zeroes the embedding tables; all else is overwritten by every backward pass.
    func clearEmbeddings() {
        for row in touchedWords { tensors.words.row(Int(row)).fill(0) }
        touchedWords = []
        for table in [tensors.positions, tensors.tokenTypes] { table.flattened.fill(0) }
    }

    /// Notes rows of the word table that a backward pass, or a sum with other buffers, wrote.
    ///
    /// - Parameter rows: ascending.
    public func noteTouchedWords(_ rows: [Int32]) {
        touchedWords = touchedWords.isEmpty ? rows : Set(touchedWords).union(rows).sorted()
    }

    /// Adds the gradient of the shards that follow this buffer's in the tree.
    package func add(_ other: GradientBuffer) {
        let own = Set(touchedWords)
        for row in other.touchedWords {
            let (target, source) = (tensors.words.row(Int(row)), other.tensors.words.row(Int(row)))
            if own.contains(row) { LinearAlgebra.add(source, to: target) } else { target.copy(from: source) }
        }
        noteTouchedWords(other.touchedWords)
        let dense = tensors.positions.base - flat.base..<flat.count
        LinearAlgebra.add(other.flat.slice(dense), to: flat.slice(dense))
    }
}
