import Dispatch
import LinearAlgebra

/// The weights that the encoder's products take: the parameters themselves, or copies of them in bfloat16, which `update` makes.
///
/// `@unchecked Sendable`: passes on several threads read it, none while it is updated.
public final class EncoderWeights: @unchecked Sendable {
    public let precision: ProductPrecision
    let layers: [Layer]
    private let memory = GrowingBuffer()

    struct Layer: Sendable {
        let projections, attention, intermediate, output: ProductOperand

        fileprivate var all: [ProductOperand] { [projections, attention, intermediate, output] }
    }

    /// - Parameter parameters: the flat buffer, in the model's layout.
    public init(_ model: ModelShape, parameters: VectorView, _ precision: ProductPrecision) {
        self.precision = precision
        let tensors = model.tensors(parameters).layers
        let count = tensors.map(\.matrices).joined().reduce(0) { $0 + $1.count }
        let copies = precision == .bfloat16 ? memory.bfloat16Matrix(rows: 1, columns: count) : nil
        var place = 0
        func operand(_ matrix: MatrixView) -> ProductOperand {
            defer { place += matrix.rows * matrix.columns }
            let copy = copies.map { BFloat16View($0.base + place, rows: matrix.rows, columns: matrix.columns) }
            return ProductOperand(single: matrix, half: copy)
        }
        layers = tensors.map { layer in
            Layer(
                projections: operand(layer.projections), attention: operand(layer.attention),
                intermediate: operand(layer.intermediate), output: operand(layer.output))
        }
    }

    /// Takes over what the parameters are now. To be called before the first pass and after every change of the parameters; no pass
    /// may run meanwhile.
    public func update(threads: Int) {
        guard precision == .bfloat16 else { return }
        let matrices = layers.flatMap(\.all)
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            for operand in matrices {
                let rows = operand.single.rows
                operand.finish(rows * thread / threads..<rows * (thread + 1) / threads)
            }
        }
    }
}
