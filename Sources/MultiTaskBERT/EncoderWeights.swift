import LinearAlgebra

/// The weights that the encoder's products take: the parameters themselves, or copies of them in bfloat16, which `update` makes.
///
/// `@unchecked Sendable`: passes on several threads read it, none while it is updated.
public final class EncoderWeights: @unchecked Sendable {
    public let precision: ProductPrecision
    let layers: [Layer]
    private let parameters: VectorView
    private let memory: FloatBuffer?
    /// What has a copy, with its place in the flat buffer.
    private let copies: [(range: Range<Int>, operand: ProductOperand)]

    struct Layer: Sendable {
        let projections, attention, intermediate, output: ProductOperand
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
        let room = copies ?? memory!.view
        require(room.count >= size, "memory too small for copies of an encoder's weights")
        var (place, copied): (Int, [(Range<Int>, ProductOperand)]) = (0, [])
        func operand(_ matrix: MatrixView) -> ProductOperand {
            guard precision == .bfloat16 else { return ProductOperand(single: matrix, half: nil) }
            let count = matrix.rows * matrix.columns
            let size = VectorView.elements(ofBFloat16: count)
            let half = room.slice(place..<place + size).bfloat16Matrix(rows: matrix.rows, columns: matrix.columns)
            place += size
            let (start, operand) = (matrix.base - parameters.base, ProductOperand(single: matrix, half: half))
            copied.append((start..<start + count, operand))
            return operand
        }
        layers = model.tensors(parameters).layers.map { layer in
            Layer(
                projections: operand(layer.projections), attention: operand(layer.attention),
                intermediate: operand(layer.intermediate), output: operand(layer.output))
        }
        self.copies = copied
    }

    /// Elements of the memory that the copies take.
    public static func copySize(_ model: ModelShape, _ precision: ProductPrecision) -> Int {
        guard precision == .bfloat16 else { return 0 }
        return model.configuration.layerCount
            * model.configuration.matrixSizes.reduce(0) { $0 + VectorView.elements(ofBFloat16: $1) }
    }

    /// Takes over what the parameters are now. To be called before the first pass and after every change of the parameters; no pass
    /// may run meanwhile.
    public func update(threads: Int) {
        onThreads(threads) { thread in update((0..<parameters.count).part(thread, of: threads)) }
    }

    /// The same for a range of the flat buffer, on the calling thread; the copies of other parameters stay as they are.
    public func update(_ range: Range<Int>) {
        for (own, operand) in copies where own.overlaps(range) {
            let part = own.clamped(to: range)
            operand.elements(part.lowerBound - own.lowerBound..<part.upperBound - own.lowerBound).finish(0..<1)
        }
    }

    /// The copy of a range of the flat buffer that lies in one tensor, as one row, for who updates those parameters; nil where they
    /// have none.
    public func copy(of range: Range<Int>) -> BFloat16View? {
        guard let (own, operand) = copies.first(where: { $0.range.overlaps(range) }) else { return nil }
        return operand.elements(range.lowerBound - own.lowerBound..<range.upperBound - own.lowerBound).half
    }
}
