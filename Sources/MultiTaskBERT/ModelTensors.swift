import Kernels
import LinearAlgebra

/// Views of all tensors of a model in one flat buffer: of parameters, of gradients, or of anything else of that shape.
struct ModelTensors: Sendable {
    /// A dense layer: weight [outputs, inputs] and bias [outputs].
    struct Linear: Sendable {
        let weight: MatrixView
        let bias: VectorView
    }

    struct LayerNorm: Sendable {
        let scale, shift: VectorView

        func moved(by distance: Int) -> LayerNorm {
            LayerNorm(scale: scale.moved(by: distance), shift: shift.moved(by: distance))
        }

        func parameters(epsilon: Float) -> LayerNormParameters {
            LayerNormParameters(scale: scale, shift: shift, epsilon: epsilon)
        }
        var gradients: LayerNormGradients { LayerNormGradients(scale: scale, shift: shift) }
    }

    /// The vectors of a layer, which lie side by side in the flat buffer.
    struct LayerVectors: Sendable {
        let projectionBias, attentionBias, intermediateBias, outputBias: VectorView
        let attentionNorm, outputNorm: LayerNorm

        fileprivate init(_ finder: TensorFinder, layer: Int) {
            let prefix = "bert.encoder.layer.\(layer)."
            let query = finder.vector(prefix + "attention.self.query.bias")
            projectionBias = VectorView(query.base, count: 3 * query.count)
            attentionBias = finder.vector(prefix + "attention.output.dense.bias")
            intermediateBias = finder.vector(prefix + "intermediate.dense.bias")
            outputBias = finder.vector(prefix + "output.dense.bias")
            attentionNorm = finder.layerNorm(prefix + "attention.output.LayerNorm")
            outputNorm = finder.layerNorm(prefix + "output.LayerNorm")
        }

        /// The same vectors in another copy of the region that they lie in.
        init(_ other: LayerVectors, movedBy distance: Int) {
            projectionBias = other.projectionBias.moved(by: distance)
            attentionBias = other.attentionBias.moved(by: distance)
            intermediateBias = other.intermediateBias.moved(by: distance)
            outputBias = other.outputBias.moved(by: distance)
            attentionNorm = other.attentionNorm.moved(by: distance)
            outputNorm = other.outputNorm.moved(by: distance)
        }
    }

    struct Layer: Sendable {
        /// Query, key and value as one matrix [3 · hiddenSize, hiddenSize].
        let projections, attention, intermediate, output: MatrixView
        let vectors: LayerVectors

        /// The matrices' memory, without the gaps between them.
        var matrices: [VectorView] { [projections, attention, intermediate, output].map(\.flattened) }
    }

    /// The pooler's bias and the classification heads, which lie side by side in the flat buffer.
    struct Heads: Sendable {
        let poolerBias: VectorView
        let classifiers: [Linear]

        fileprivate init(_ finder: TensorFinder, tasks: [ClassificationTask]) {
            poolerBias = finder.vector("bert.pooler.dense.bias")
            classifiers = tasks.map { finder.linear("classifiers.\($0.name)") }
        }

        /// The same tensors in another copy of the region that they lie in.
        init(_ other: Heads, movedBy distance: Int) {
            poolerBias = other.poolerBias.moved(by: distance)
            classifiers = other.classifiers.map {
                Linear(
                    weight: $0.weight.flattened.moved(by: distance).matrix(
                        rows: $0.weight.rows, columns: $0.weight.columns),
                    bias: $0.bias.moved(by: distance))
            }
        }
    }

    let flat: VectorView
    let words, positions, tokenTypes: MatrixView
    let embeddingNorm: LayerNorm
    let layers: [Layer]
    let pooler: MatrixView
    let heads: Heads

    init(_ flat: VectorView, _ layout: ParameterLayout, layerCount: Int, tasks: [ClassificationTask]) {
        let finder = TensorFinder(layout: layout, vector: flat)
        self.flat = flat
        words = finder.matrix("bert.embeddings.word_embeddings.weight")
        positions = finder.matrix("bert.embeddings.position_embeddings.weight")
        tokenTypes = finder.matrix("bert.embeddings.token_type_embeddings.weight")
        embeddingNorm = finder.layerNorm("bert.embeddings.LayerNorm")
        layers = (0..<layerCount).map { layer in
            let prefix = "bert.encoder.layer.\(layer)."
            let query = finder.matrix(prefix + "attention.self.query.weight")
            return Layer(
                projections: MatrixView(query.base, rows: 3 * query.rows, columns: query.columns),
                attention: finder.matrix(prefix + "attention.output.dense.weight"),
                intermediate: finder.matrix(prefix + "intermediate.dense.weight"),
                output: finder.matrix(prefix + "output.dense.weight"),
                vectors: LayerVectors(finder, layer: layer))
        }
        pooler = finder.matrix("bert.pooler.dense.weight")
        heads = Heads(finder, tasks: tasks)
    }
}

extension VectorView {
    fileprivate func moved(by distance: Int) -> VectorView { VectorView(base + distance, count: count) }
}

/// Finds tensors by name in the flat buffer.
private struct TensorFinder {
    let layout: ParameterLayout
    let vector: VectorView

    func vector(_ name: String) -> VectorView {
        guard let tensor = layout.tensor(name) else { fatalError("broken invariant: no tensor \(name) in the layout") }
        return vector.slice(tensor.range)
    }

    func matrix(_ name: String) -> MatrixView {
        guard let shape = layout.tensor(name)?.shape, shape.count == 2 else {
            fatalError("broken invariant: no matrix \(name) in the layout")
        }
        return vector(name).matrix(rows: shape[0], columns: shape[1])
    }

    func linear(_ name: String) -> ModelTensors.Linear {
        ModelTensors.Linear(weight: matrix(name + ".weight"), bias: vector(name + ".bias"))
    }

    func layerNorm(_ name: String) -> ModelTensors.LayerNorm {
        ModelTensors.LayerNorm(scale: vector(name + ".weight"), shift: vector(name + ".bias"))
    }
}
