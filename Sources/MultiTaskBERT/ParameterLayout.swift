import LinearAlgebra

/// One named parameter tensor and its place in the flat buffer.
public struct ParameterTensor: Sendable, Equatable {
    /// As Hugging Face names it, with the `bert.` prefix.
    public let name: String
    /// One size for a vector, two for a matrix.
    public let shape: [Int]
    /// The first element in the flat buffer.
    public let offset: Int
    /// Whether weight decay applies: to matrices, not to biases and layer normalisations.
    public let decays: Bool
    /// The task whose classification head it belongs to; nil for the shared encoder.
    public let task: Int?
    /// How far up it lies: 0 for the embeddings, then the layers from 1, then the pooler and the classification heads.
    public let depth: Int

    public var count: Int { shape.reduce(1, *) }
    public var range: Range<Int> { offset..<offset + count }
}

/// A consecutive part of the flat buffer that the backward pass writes in one go.
typealias Region = Range<Int>

/// Where every parameter of a model lies in one flat buffer.
///
/// In order: the embedding tables, the embedding's vectors, for each layer its matrices and then its vectors, the pooler's
/// matrix, and last the pooler's bias with all classification heads. Query, key and value follow each other without a gap, as
/// one matrix of three times the height. Groups start at multiples of 16 elements; the gaps hold zeros.
public struct ParameterLayout: Sendable, Equatable {
    public private(set) var tensors: [ParameterTensor] = []
    /// Elements in the flat buffer, gaps included.
    public private(set) var count = 0
    /// The layer normalisation behind the embeddings.
    let embeddingVectors: Region
    /// Biases and layer normalisations of each layer.
    let layerVectors: [Region]
    /// The matrices of each layer, with the gaps between them.
    public let layerMatrices: [Range<Int>]
    /// The pooler's bias and all classification heads.
    let headRegion: Region

    public init(_ configuration: BERTConfiguration, tasks: [ClassificationTask]) {
        var builder = LayoutBuilder()
        let (hidden, intermediate) = (configuration.hiddenSize, configuration.intermediateSize)
        let embeddings = "bert.embeddings."
        builder.depth = 0
        builder.add(embeddings + "word_embeddings.weight", [configuration.vocabularySize, hidden])
        builder.add(embeddings + "position_embeddings.weight", [configuration.maximumLength, hidden])
        builder.add(embeddings + "token_type_embeddings.weight", [configuration.tokenTypeCount, hidden])
        embeddingVectors = builder.region { $0.addLayerNorm(embeddings + "LayerNorm", hidden) }
        let layers = (0..<configuration.layerCount).map { layer in
            let prefix = "bert.encoder.layer.\(layer)."
            builder.depth = layer + 1
            let projections = ["query", "key", "value"].map { prefix + "attention.self.\($0)." }
            let matrices = builder.region {
                $0.addAdjacent(projections.map { ($0 + "weight", [hidden, hidden]) })
                $0.add(prefix + "attention.output.dense.weight", [hidden, hidden])
                $0.add(prefix + "intermediate.dense.weight", [intermediate, hidden])
                $0.add(prefix + "output.dense.weight", [hidden, intermediate])
            }
            let vectors = builder.region {
                $0.addAdjacent(projections.map { ($0 + "bias", [hidden]) })
                $0.add(prefix + "attention.output.dense.bias", [hidden])
                $0.addLayerNorm(prefix + "attention.output.LayerNorm", hidden)
                $0.add(prefix + "intermediate.dense.bias", [intermediate])
                $0.add(prefix + "output.dense.bias", [hidden])
                $0.addLayerNorm(prefix + "output.LayerNorm", hidden)
            }
            return (matrices: matrices, vectors: vectors)
        }
        (layerMatrices, layerVectors) = (layers.map(\.matrices), layers.map(\.vectors))
        builder.depth = configuration.layerCount + 1
        builder.add("bert.pooler.dense.weight", [hidden, hidden])
        headRegion = builder.region {
            $0.add("bert.pooler.dense.bias", [hidden])
            for (index, task) in tasks.enumerated() {
                $0.add("classifiers.\(task.name).weight", [task.outputCount, hidden], task: index)
                $0.add("classifiers.\(task.name).bias", [task.outputCount], task: index)
            }
        }
        tensors = builder.tensors
        count = builder.count
    }

    public func tensor(_ name: String) -> ParameterTensor? { tensors.first { $0.name == name } }

    /// Elements at the start of the flat buffer that belong to all tasks: everything but the classification heads.
    public var sharedCount: Int { tensors.first { $0.task != nil }?.offset ?? count }

    /// Parameters without the gaps.
    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }
}

private struct LayoutBuilder {
    var tensors: [ParameterTensor] = []
    var count = 0
    var depth = 0

    mutating func add(_ name: String, _ shape: [Int], task: Int? = nil) { addAdjacent([(name, shape)], task: task) }

    mutating func addLayerNorm(_ name: String, _ size: Int) {
        addAdjacent([(name + ".weight", [size])], decays: false)
        addAdjacent([(name + ".bias", [size])], decays: false)
    }

    /// Tensors without a gap between them, behind which the next starts at a multiple of 16 elements.
    mutating func addAdjacent(_ group: [(name: String, shape: [Int])], decays: Bool = true, task: Int? = nil) {
        for (name, shape) in group {
            tensors.append(
                ParameterTensor(
                    name: name, shape: shape, offset: count, decays: decays && shape.count > 1, task: task,
                    depth: depth))
            count += shape.reduce(1, *)
        }
        count = (count + laneCount - 1) / laneCount * laneCount
    }

    mutating func region(_ body: (inout LayoutBuilder) -> Void) -> Region {
        let start = count
        body(&self)
        return start..<count
    }
}

extension BERTConfiguration {
    /// Elements of a layer's weights: of projections, attention, intermediate and output.
    var matrixSizes: [Int] { [3 * hiddenSize, hiddenSize, intermediateSize, intermediateSize].map { $0 * hiddenSize } }
}
