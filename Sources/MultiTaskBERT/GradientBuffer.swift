import LinearAlgebra

/// The gradient of all parameters, for one or several shards: dense, but knowing which rows of the embedding tables hold
/// anything, so that the others need neither be cleared nor written.
public final class GradientBuffer: @unchecked Sendable {
    /// The flat buffer in the layout of the parameters.
    public let flat: VectorView
    let tensors: ModelTensors
    /// The rows of the word, position and token-type tables that are not zero, ascending.
    private(set) var touchedRows: [[Int32]] = [[], [], []]
    private let memory: FloatBuffer?

    /// - Parameter flat: zeroed memory of the layout's size that somebody else keeps; own memory where nil.
    public init(_ model: ModelShape, flat: VectorView? = nil) {
        memory = flat == nil ? FloatBuffer(count: model.layout.count) : nil
        self.flat = flat ?? memory!.view
        tensors = model.tensors(self.flat)
    }

    private var tables: [MatrixView] { [tensors.words, tensors.positions, tensors.tokenTypes] }

    /// Zeroes the embedding tables; all else is overwritten by every backward pass.
    func clearEmbeddings() {
        for (table, rows) in zip(tables, touchedRows) {
            for row in rows { table.row(Int(row)).fill(0) }
        }
        touchedRows = [[], [], []]
    }

    /// Notes what a backward pass wrote.
    func markTouched(_ rows: [[Int32]]) { touchedRows = rows }

    /// Adds the gradient of the shards that follow this buffer's in the tree.
    package func add(_ other: GradientBuffer) {
        for index in tables.indices {
            let own = Set(touchedRows[index])
            for row in other.touchedRows[index] {
                let (target, source) = (tables[index].row(Int(row)), other.tables[index].row(Int(row)))
                if own.contains(row) { LinearAlgebra.add(source, to: target) } else { target.copy(from: source) }
            }
            touchedRows[index] = own.union(other.touchedRows[index]).sorted()
        }
        let dense = tensors.embeddingNorm.scale.base - flat.base..<flat.count
        LinearAlgebra.add(other.flat.slice(dense), to: flat.slice(dense))
    }
}
