import LinearAlgebra

/// The function between the two halves of a feed-forward block, by its Hugging Face name.
public enum Activation: String, Sendable, CaseIterable {
    /// x·Φ(x) (Hendrycks and Gimpel 2016).
    case gelu
    /// The same by tanh(√(2/π)·(x + 0.044715·x³)), section 2 of the paper.
    case geluNew = "gelu_new"
    case relu
}

/// One activation function, as a type so that the loops below are compiled for each by itself, without a call in them.
private protocol ActivationFunction {
    static func value(_ x: Lanes) -> Lanes
    static func valueAndDerivative(_ x: Lanes) -> (value: Lanes, derivative: Lanes)
}

private enum GELU: ActivationFunction {
    @inline(__always)
    static func value(_ x: Lanes) -> Lanes { x * normalDistribution(x) }

    @inline(__always)
    static func valueAndDerivative(_ x: Lanes) -> (value: Lanes, derivative: Lanes) {
        let distribution = normalDistribution(x)
        // x² · −log₂ e / 2 as an exponent of 2.
        let density = powerOfTwo(x * x * Lanes(repeating: -0.721_347_5)) * Lanes(repeating: 0.398_942_28)
        return (x * distribution, distribution.addingProduct(x, density))
    }
}

private enum NewGELU: ActivationFunction {
    @inline(__always)
    static func value(_ x: Lanes) -> Lanes {
        x * Lanes(repeating: 0.5) * (Lanes(repeating: 1) + hyperbolicTangent(inner(x)))
    }

    @inline(__always)
    static func valueAndDerivative(_ x: Lanes) -> (value: Lanes, derivative: Lanes) {
        let (one, half) = (Lanes(repeating: 1), Lanes(repeating: 0.5))
        let t = hyperbolicTangent(inner(x))
        let slope = Lanes(repeating: 0.797_884_56).addingProduct(x * x, Lanes(repeating: 0.107_032_22))
        return (x * half * (one + t), (half * (one + t)).addingProduct(half * x, (one - t * t) * slope))
    }

    @inline(__always)
    private static func inner(_ x: Lanes) -> Lanes {
        Lanes(repeating: 0.797_884_56) * x.addingProduct(x * x * x, Lanes(repeating: 0.044_715))
    }
}

private enum ReLU: ActivationFunction {
    @inline(__always)
    static func value(_ x: Lanes) -> Lanes { x.raised(to: Lanes(repeating: 0)) }

    @inline(__always)
    static func valueAndDerivative(_ x: Lanes) -> (value: Lanes, derivative: Lanes) {
        (value(x), Lanes(repeating: 0).replacing(with: 1, where: x .> Lanes(repeating: 0)))
    }
}

/// `output = activation(input + bias)`.
///
/// - Parameters:
///   - input: [tokens, intermediateSize].
///   - bias: [intermediateSize].
///   - output: [tokens, intermediateSize]; overwritten.
public func activate(_ input: MatrixView, bias: VectorView, _ activation: Activation, into output: MatrixView) {
    require(
        input.rows == output.rows && input.columns == output.columns && bias.count == input.columns,
        "an activation between matrices of unlike sizes")
    switch activation {
    case .gelu: activate(input, bias, output, GELU.self)
    case .geluNew: activate(input, bias, output, NewGELU.self)
    case .relu: activate(input, bias, output, ReLU.self)
    }
}

@inline(__always)
private func activate<Function: ActivationFunction>(
    _ input: MatrixView, _ bias: VectorView, _ output: MatrixView, _ function: Function.Type
) {
    for row in 0..<input.rows {
        let (source, target) = (input.base + row * input.stride, output.base + row * output.stride)
        forEachPiece(of: input.columns) { offset, count in
            let x = source.piece(offset, count) + bias.base.piece(offset, count)
            target.storePiece(Function.value(x), offset, count)
        }
    }
}

/// The backward pass of `activate`, and the output once more: to compute it anew with its derivative takes less than to keep
/// it for every layer.
///
/// - Parameters:
///   - dOutput: [tokens, intermediateSize]; overwritten by the gradient of the input.
///   - input: [tokens, intermediateSize], as given to `activate`; overwritten by its output.
///   - bias: [intermediateSize].
///   - dBias: [intermediateSize]; overwritten by the sum over the rows.
public func activateBackward(
    _ dOutput: MatrixView, input: MatrixView, bias: VectorView, _ activation: Activation, dBias: VectorView
) {
    require(
        input.rows == dOutput.rows && input.columns == dOutput.columns && bias.count == input.columns
            && dBias.count == input.columns, "the gradient of an activation between matrices of unlike sizes")
    switch activation {
    case .gelu: activateBackward(dOutput, input, bias, dBias, GELU.self)
    case .geluNew: activateBackward(dOutput, input, bias, dBias, NewGELU.self)
    case .relu: activateBackward(dOutput, input, bias, dBias, ReLU.self)
    }
}

@inline(__always)
private func activateBackward<Function: ActivationFunction>(
    _ dOutput: MatrixView, _ input: MatrixView, _ bias: VectorView, _ dBias: VectorView, _ function: Function.Type
) {
    dBias.fill(0)
    let sum = dBias.base
    for row in 0..<input.rows {
        let (source, gradient) = (input.base + row * input.stride, dOutput.base + row * dOutput.stride)
        forEachPiece(of: input.columns) { offset, count in
            let x = source.piece(offset, count) + bias.base.piece(offset, count)
            let (value, derivative) = Function.valueAndDerivative(x)
            source.storePiece(value, offset, count)
            let d = gradient.piece(offset, count) * derivative
            gradient.storePiece(d, offset, count)
            sum.storePiece(sum.piece(offset, count) + d, offset, count)
        }
    }
}
