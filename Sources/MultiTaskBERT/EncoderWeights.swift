import LinearAlgebra

/// The weights that the encoder's products take: the parameters themselves, or copies of them in bfloat16, which `update` makes.
///
/// `@unchecked Sendable`: passes on several threads read it, none while it is updated.
public final class EncoderWeights: @unchecked Sendable {
    public let precision: ProductPrecision
    let layers: [Layer]
    private let parameters: VectorView
    private let memory: FloatBuffer?

    struct Layer: Sendable {
        let projections, attention, intermediate, output: ProductOperand

        fileprivate var all: [ProductOperand] { [projections, attention, intermediate, output] }
    }

    /// - Parameters:
    ///   - parameters: the flat buffer, in the model's layout.
    ///   - copies: `copySize` elements that somebody else keeps, and that ranks may share; own memory where nil.
    public init(
        _ model: ModelShape, parameters: VectorView, _ precision: ProductPrecision, copies: VectorView? = nil
    ) {
        self.precision = precision
        self.parameters = parameters
        let size = Self.copySize(model, precision)
        memory = copies == nil ? FloatBuffer(count: size) : nil
        let copies = copies ?? memory!.view
        require(copies.count >= size, "memory too small for copies of an encoder's weights")
        var place = 0
        func operand(_ matrix: MatrixView) -> ProductOperand {
            guard precision == .bfloat16 else { return ProductOperand(single: matrix, half: nil) }
            let size = VectorView.elements(ofBFloat16: matrix.rows * matrix.columns)
            defer { place += size }
            return ProductOperand(
                single: matrix,
                half: copies.slice(place..<place + size).bfloat16Matrix(rows: matrix.rows, columns: matrix.columns))
        }
        layers = model.tensors(parameters).layers.map { layer in
            Layer(
                projections: operand(layer.projections), attention: operand(layer.attention),
                intermediate: operand(layer.intermediate), output: operand(layer.output))
        }
    }

    /// Elements of the memory that the copies take.
    public static func copySize(_ model: ModelShape, _ precision: ProductPrecision) -> Int {
        guard precision == .bfloat16 else { return 0 }
        return model.configuration.layerCount
            * model.configuration.matrixSizes.reduce(0) { $0 + VectorView.elements(ofBFloat16: $1) }
    }

    /// Takes over what the parameters are now. To be called before the first pass and after every change of the parameters; no pass
    /// may run meanwhile.
    ///
    /// - Parameter range: of the flat buffer, all of it where nil; the copies of other parameters stay as they are.
    public func update(_ range: Range<Int>? = nil, threads: Int) {
        guard precision == .bfloat16 else { return }
        let range = range ?? 0..<parameters.count
        let pieces = layers.flatMap(\.all).compactMap { operand -> ProductOperand? in
            let start = operand.single.base - parameters.base
            let own = start..<start + operand.single.rows * operand.single.columns
            let part = own.clamped(to: range)
            return part.isEmpty ? nil : operand.elements(part.lowerBound - start..<part.upperBound - start)
        }
        onThreads(threads) { thread in
            for piece in pieces { piece.elements((0..<piece.single.columns).part(thread, of: threads)).finish(0..<1) }
        }
    }
}
