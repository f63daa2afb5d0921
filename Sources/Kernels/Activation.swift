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
public func activate(_ input: MatrixView, bias: VectorView, _ activation: Activation, into output: OperandView) {
    require(
        input.rows == output.rows && input.columns == output.columns && bias.count == input.columns,
        "an activation between matrices of unlike sizes")
    switch output {
    case .single(let output): activate(input, bias, activation, OperandRows(output))
    case .half(let output): activate(input, bias, activation, OperandRows(output))
    }
}

@inline(__always)
private func activate<Element: OperandElement>(
    _ input: MatrixView, _ bias: VectorView, _ activation: Activation, _ output: OperandRows<Element>
) {
    switch activation {
    case .gelu: activate(input, bias, GELU.self, output)
    case .geluNew: activate(input, bias, NewGELU.self, output)
    case .relu: activate(input, bias, ReLU.self, output)
    }
}

@inline(__always)
private func activate<Function: ActivationFunction, Element: OperandElement>(
    _ input: MatrixView, _ bias: VectorView, _ function: Function.Type, _ output: OperandRows<Element>
) {
    for row in 0..<input.rows {
        let (source, target) = (input.base + row * input.stride, output[row])
        forEachPiece(of: input.columns) { offset, count in
            let x = source.piece(offset, count) + bias.base.piece(offset, count)
            Element.write(Function.value(x), to: target, offset, count)
        }
    }
}

/// The backward pass of `activate`, and the output once more: to compute it anew with its derivative takes less than to keep
/// it for every layer.
///
/// - Parameters:
///   - dOutput: [tokens, intermediateSize].
///   - input: [tokens, intermediateSize], as given to `activate`.
///   - bias: [intermediateSize].
///   - output: [tokens, intermediateSize]; overwritten by what `activate` gives; may be `input`.
///   - dInput: [tokens, intermediateSize], in the precision of `output`; overwritten; may be `dOutput`.
///   - dBias: [intermediateSize]; overwritten by the sum over the rows of the gradient, before it is rounded.
public func activateBackward(
    _ dOutput: MatrixView, input: MatrixView, bias: VectorView, _ activation: Activation, output: OperandView,
    dInput: OperandView, dBias: VectorView
) {
    func isLikeInput(_ rows: Int, _ columns: Int) -> Bool { rows == input.rows && columns == input.columns }
    require(
        isLikeInput(dOutput.rows, dOutput.columns) && isLikeInput(output.rows, output.columns)
            && isLikeInput(dInput.rows, dInput.columns) && bias.count == input.columns && dBias.count == input.columns,
        "the gradient of an activation between matrices of unlike sizes")
    dBias.fill(0)
    switch (output, dInput) {
    case (.single(let output), .single(let dInput)):
        activateBackward(dOutput, input, bias, activation, OperandRows(output), OperandRows(dInput), dBias)
    case (.half(let output), .half(let dInput)):
        activateBackward(dOutput, input, bias, activation, OperandRows(output), OperandRows(dInput), dBias)
    default: fatalError("broken invariant: an activation and its gradient in two precisions")
    }
}

@inline(__always)
private func activateBackward<Element: OperandElement>(
    _ dOutput: MatrixView, _ input: MatrixView, _ bias: VectorView, _ activation: Activation,
    _ output: OperandRows<Element>, _ dInput: OperandRows<Element>, _ dBias: VectorView
) {
    switch activation {
    case .gelu: activateBackward(dOutput, input, bias, GELU.self, output, dInput, dBias)
    case .geluNew: activateBackward(dOutput, input, bias, NewGELU.self, output, dInput, dBias)
    case .relu: activateBackward(dOutput, input, bias, ReLU.self, output, dInput, dBias)
    }
}

@inline(__always)
private func activateBackward<Function: ActivationFunction, Element: OperandElement>(
    _ dOutput: MatrixView, _ input: MatrixView, _ bias: VectorView, _ function: Function.Type,
    _ output: OperandRows<Element>, _ dInput: OperandRows<Element>, _ dBias: VectorView
) {
    let sum = dBias.base
    for row in 0..<input.rows {
        let (source, gradient) = (input.base + row * input.stride, dOutput.base + row * dOutput.stride)
        let (value, slope) = (output[row], dInput[row])
        forEachPiece(of: input.columns) { offset, count in
            let x = source.piece(offset, count) + bias.base.piece(offset, count)
            let (y, derivative) = Function.valueAndDerivative(x)
            let d = gradient.piece(offset, count) * derivative
            Element.write(y, to: value, offset, count)
            Element.write(d, to: slope, offset, count)
            sum.storePiece(sum.piece(offset, count) + d, offset, count)
        }
    }
}
