import LinearAlgebra

/// The function between the two halves of a feed-forward block, by its Hugging Face name.
public enum Activation: String, Sendable, CaseIterable {
    /// x·Φ(x) (Hendrycks and Gimpel 2016).
    case gelu
    /// The same by tanh(√(2/π)·(x + 0.044715·x³)), section 2 of the paper.
    case geluNew = "gelu_new"
    case relu

    @inline(__always)
    fileprivate func value(_ x: Lanes) -> Lanes {
        switch self {
        case .gelu: return x * normalDistribution(x)
        case .geluNew:
            return x * Lanes(repeating: 0.5) * (Lanes(repeating: 1) + hyperbolicTangent(Self.inner(x)))
        case .relu: return pointwiseMax(x, Lanes(repeating: 0))
        }
    }

    @inline(__always)
    fileprivate func derivative(_ x: Lanes) -> Lanes {
        let (one, half) = (Lanes(repeating: 1), Lanes(repeating: 0.5))
        switch self {
        case .gelu:
            let density = exponential(x * x * Lanes(repeating: -0.5)) * Lanes(repeating: 0.398_942_28)
            return normalDistribution(x).addingProduct(x, density)
        case .geluNew:
            let t = hyperbolicTangent(Self.inner(x))
            let slope = Lanes(repeating: 0.797_884_56).addingProduct(x * x, Lanes(repeating: 0.107_032_22))
            return (half * (one + t)).addingProduct(half * x, (one - t * t) * slope)
        case .relu:
            return Lanes(repeating: 0).replacing(with: one, where: x .> Lanes(repeating: 0))
        }
    }

    @inline(__always)
    private static func inner(_ x: Lanes) -> Lanes {
        Lanes(repeating: 0.797_884_56) * x.addingProduct(x * x * x, Lanes(repeating: 0.044_715))
    }
}

/// `input += bias; output = activation(input)`, in one pass.
///
/// - Parameters:
///   - input: [tokens, intermediateSize]; the bias is added in place, which is what the backward pass reads.
///   - bias: [intermediateSize].
///   - output: [tokens, intermediateSize]; overwritten.
public func activate(_ input: MatrixView, bias: VectorView, _ activation: Activation, into output: MatrixView) {
    require(
        input.rows == output.rows && input.columns == output.columns && bias.count == input.columns,
        "an activation between matrices of unlike sizes")
    switch activation {
    case .gelu: activate(input, bias, output) { Activation.gelu.value($0) }
    case .geluNew: activate(input, bias, output) { Activation.geluNew.value($0) }
    case .relu: activate(input, bias, output) { Activation.relu.value($0) }
    }
}

@inline(__always)
private func activate(_ input: MatrixView, _ bias: VectorView, _ output: MatrixView, _ function: (Lanes) -> Lanes) {
    for row in 0..<input.rows {
        let (source, target) = (input.base + row * input.stride, output.base + row * output.stride)
        forEachPiece(of: input.columns) { offset, count in
            let x = source.piece(offset, count) + bias.base.piece(offset, count)
            source.storePiece(x, offset, count)
            target.storePiece(function(x), offset, count)
        }
    }
}

/// The backward pass of `activate`.
///
/// - Parameters:
///   - dOutput: [tokens, intermediateSize]; overwritten by the gradient of the input.
///   - input: [tokens, intermediateSize], as `activate` left it.
///   - dBias: [intermediateSize]; overwritten by the sum over the rows.
public func activateBackward(_ dOutput: MatrixView, input: MatrixView, _ activation: Activation, dBias: VectorView) {
    require(
        input.rows == dOutput.rows && input.columns == dOutput.columns && dBias.count == input.columns,
        "the gradient of an activation between matrices of unlike sizes")
    switch activation {
    case .gelu: activateBackward(dOutput, input, dBias) { Activation.gelu.derivative($0) }
    case .geluNew: activateBackward(dOutput, input, dBias) { Activation.geluNew.derivative($0) }
    case .relu: activateBackward(dOutput, input, dBias) { Activation.relu.derivative($0) }
    }
}

@inline(__always)
private func activateBackward(
    _ dOutput: MatrixView, _ input: MatrixView, _ dBias: VectorView, _ derivative: (Lanes) -> Lanes
) {
    dBias.fill(0)
    let sum = dBias.base
    for row in 0..<input.rows {
        let (source, gradient) = (input.base + row * input.stride, dOutput.base + row * dOutput.stride)
        forEachPiece(of: input.columns) { offset, count in
            let d = gradient.piece(offset, count) * derivative(source.piece(offset, count))
            gradient.storePiece(d, offset, count)
            sum.storePiece(sum.piece(offset, count) + d, offset, count)
        }
    }
}
