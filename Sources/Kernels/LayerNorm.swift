import LinearAlgebra

/// What a layer normalisation needs besides its input (Ba et al. 2016, equation 4): scale γ, shift β and ε.
public struct LayerNormParameters: Sendable {
    let scale: VectorView
    let shift: VectorView
    let epsilon: Float

    /// - Parameters:
    ///   - scale: γ, [hiddenSize].
    ///   - shift: β, [hiddenSize].
    ///   - epsilon: added to the variance.
    public init(scale: VectorView, shift: VectorView, epsilon: Float) {
        require(scale.count == shift.count && scale.count > 0, "a layer normalisation of unlike scale and shift")
        self.scale = scale
        self.shift = shift
        self.epsilon = epsilon
    }
}

/// Where the gradients of a layer normalisation's parameters go; each [hiddenSize], overwritten by the sum over the rows.
public struct LayerNormGradients: Sendable {
    let scale: VectorView
    let shift: VectorView

    public init(scale: VectorView, shift: VectorView) {
        self.scale = scale
        self.shift = shift
    }
}

/// `output = layerNorm(dropout(sublayer + bias) + residual)`: the end of an attention or feed-forward block, in one pass.
///
/// - Parameters:
///   - sublayer: [tokens, hiddenSize], the product before its bias; overwritten by the normalised rows x̂, which the backward
///     pass reads.
///   - bias: [hiddenSize].
///   - residual: [tokens, hiddenSize].
///   - inverseDeviation: [tokens]; overwritten by 1/√(variance + ε).
///   - output: [tokens, hiddenSize]; overwritten.
public func addAndNormalize(
    _ sublayer: MatrixView, bias: VectorView, residual: MatrixView, dropout: DropoutSite,
    _ parameters: LayerNormParameters,
    inverseDeviation: VectorView, into output: MatrixView
) {
    let (rows, columns) = (sublayer.rows, sublayer.columns)
    require(
        residual.rows == rows && residual.columns == columns && output.rows == rows && output.columns == columns
            && bias.count == columns && inverseDeviation.count == rows && parameters.scale.count == columns,
        "a layer normalisation of unlike sizes")
    for row in 0..<rows {
        let (x, skip) = (sublayer.base + row * sublayer.stride, residual.base + row * residual.stride)
        var sum = Lanes(repeating: 0)
        dropout.forEachPiece(row: row, columns: columns) { offset, count, keep in
            let z = keep(x.piece(offset, count) + bias.base.piece(offset, count)) + skip.piece(offset, count)
            x.storePiece(z, offset, count)
            sum += z
        }
        inverseDeviation.base[row] = normalizeRow(
            x, columns, mean: sum.total / Float(columns), parameters, into: output.base + row * output.stride)
    }
}

/// Turns one row into its normalised form in place and writes the scaled and shifted row. Returns 1/√(variance + ε).
///
/// A dropped lane of a partial piece holds zero, but its distance from the mean does not: the tail is masked by storing and
/// reading it through memory.
@inline(__always)
func normalizeRow(
    _ x: UnsafeMutablePointer<Float>, _ columns: Int, mean: Float, _ parameters: LayerNormParameters,
    into output: UnsafeMutablePointer<Float>
) -> Float {
    let center = Lanes(repeating: mean)
    var squares = Lanes(repeating: 0)
    forEachPiece(of: columns) { offset, count in
        x.storePiece(x.piece(offset, count) - center, offset, count)
        let z = x.piece(offset, count)
        squares = squares.addingProduct(z, z)
    }
    let inverse = 1 / (squares.total / Float(columns) + parameters.epsilon).squareRoot()
    let (scale, shift) = (parameters.scale.base, parameters.shift.base)
    forEachPiece(of: columns) { offset, count in
        let z = x.piece(offset, count) * Lanes(repeating: inverse)
        x.storePiece(z, offset, count)
        output.storePiece(
            shift.piece(offset, count).addingProduct(z, scale.piece(offset, count)), offset, count)
    }
    return inverse
}

/// The backward pass of `addAndNormalize`.
///
/// - Parameters:
///   - dOutput: [tokens, hiddenSize]; overwritten by the gradient of the residual input.
///   - normalized, inverseDeviation: as the forward pass left them.
///   - dropout: the same as in the forward pass.
///   - dSublayer: [tokens, hiddenSize]; overwritten by the gradient of the product before its bias.
///   - dBias: [hiddenSize]; overwritten by the sum over the rows of that gradient, before it is rounded.
public func addAndNormalizeBackward(
    _ dOutput: MatrixView, normalized: MatrixView, inverseDeviation: VectorView, dropout: DropoutSite,
    _ parameters: LayerNormParameters, dSublayer: OperandView, dBias: VectorView, _ gradients: LayerNormGradients
) {
    let (rows, columns) = (dOutput.rows, dOutput.columns)
    require(
        dSublayer.rows == rows && dSublayer.columns == columns && dBias.count == columns,
        "the gradient of a layer normalisation of unlike sizes")
    dBias.fill(0)
    switch dSublayer {
    case .single(let dSublayer):
        addAndNormalizeBackward(
            dOutput, normalized, inverseDeviation, dropout, parameters, OperandRows(dSublayer), dBias, gradients)
    case .half(let dSublayer):
        addAndNormalizeBackward(
            dOutput, normalized, inverseDeviation, dropout, parameters, OperandRows(dSublayer), dBias, gradients)
    }
}

@inline(__always)
private func addAndNormalizeBackward<Element: OperandElement>(
    _ dOutput: MatrixView, _ normalized: MatrixView, _ inverseDeviation: VectorView, _ dropout: DropoutSite,
    _ parameters: LayerNormParameters, _ dSublayer: OperandRows<Element>, _ dBias: VectorView,
    _ gradients: LayerNormGradients
) {
    let columns = dOutput.columns
    normalizeBackward(dOutput, normalized, inverseDeviation, parameters, gradients) { row, dSum in
        let target = dSublayer[row]
        dropout.forEachPiece(row: row, columns: columns) { offset, count, keep in
            let d = keep(dSum.piece(offset, count))
            Element.write(d, to: target, offset, count)
            dBias.base.storePiece(dBias.base.piece(offset, count) + d, offset, count)
        }
    }
}

/// The backward pass of a layer normalisation by itself: `dOutput` [rows, hiddenSize] is overwritten by the gradient of its
/// input, after which `body` is called with each row.
@inline(__always)
func normalizeBackward(
    _ dOutput: MatrixView, _ normalized: MatrixView, _ inverseDeviation: VectorView, _ parameters: LayerNormParameters,
    _ gradients: LayerNormGradients, _ body: (_ row: Int, _ dInput: UnsafeMutablePointer<Float>) -> Void
) {
    let (rows, columns) = (dOutput.rows, dOutput.columns)
    require(
        normalized.rows == rows && normalized.columns == columns && inverseDeviation.count == rows
            && parameters.scale.count == columns && gradients.scale.count == columns
            && gradients.shift.count == columns,
        "the gradient of a layer normalisation of unlike sizes")
    gradients.scale.fill(0)
    gradients.shift.fill(0)
    let (scale, dScale, dShift) = (parameters.scale.base, gradients.scale.base, gradients.shift.base)
    for row in 0..<rows {
        let (d, x) = (dOutput.base + row * dOutput.stride, normalized.base + row * normalized.stride)
        var (sum, product) = (Lanes(repeating: 0), Lanes(repeating: 0))
        forEachPiece(of: columns) { offset, count in
            let (dy, z) = (d.piece(offset, count), x.piece(offset, count))
            dScale.storePiece(dScale.piece(offset, count).addingProduct(dy, z), offset, count)
            dShift.storePiece(dShift.piece(offset, count) + dy, offset, count)
            let dz = dy * scale.piece(offset, count)
            d.storePiece(dz, offset, count)
            sum += dz
            product = product.addingProduct(dz, z)
        }
        let mean = Lanes(repeating: sum.total / Float(columns))
        let slope = Lanes(repeating: product.total / Float(columns))
        let inverse = Lanes(repeating: inverseDeviation.base[row])
        forEachPiece(of: columns) { offset, count in
            let dz = d.piece(offset, count) - mean - x.piece(offset, count) * slope
            d.storePiece(dz * inverse, offset, count)
        }
        body(row, d)
    }
}
