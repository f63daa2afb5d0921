import Checkpoints
import LinearAlgebra

/// Reading a model's parameters from tensors in Hugging Face layout.
extension ModelShape {
    /// What the tensors are expected to hold.
    public enum WeightSource: Sendable {
        /// An encoder: classification heads and a pooler that are not there are initialised. `heads` are the tasks of the heads that
        /// are there, as far as the file's folder says so: a head of another task, or of other labels, is none.
        case encoder(seed: UInt64, heads: [ClassificationTask]? = nil)
        /// A whole model with all its classification heads.
        case checkpoint
    }

    /// Fills the flat buffer straight from the file's mapped pages, without a second copy.
    ///
    /// Names count with or without the `bert.` prefix, and layer normalisations under their old names `gamma` and `beta`.
    ///
    /// - Parameters:
    ///   - parameters: the flat buffer; overwritten.
    ///   - note: called with a line for the user where something was initialised or left out.
    /// - Throws: `ModelError` that names every missing, surplus and ill-shaped tensor at once; a `TensorFileError` of the file.
    public func loadParameters(
        from source: any TensorSource, file: String, as kind: WeightSource, into parameters: VectorView,
        note: (String) -> Void
    ) throws {
        let found = try match(source, file: file, as: kind)
        parameters.fill(0)
        for tensor in layout.tensors where !found.initialized.contains(tensor.name) {
            try source.readFloats(
                found.available[tensor.name] ?? tensor.name,
                into: UnsafeMutableBufferPointer(rebasing: parameters.buffer[tensor.range]))
            if let rows = tensor.task.flatMap({ found.headRows[$0] }) {
                parameters.slice(tensor.range).matrix(rows: rows.count, columns: tensor.range.count / rows.count)
                    .arrangeRows(rows)
            }
        }
        if case .encoder(let seed, _) = kind { initialize(parameters, seed: seed, only: found.initialized) }
        found.notes.forEach(note)
        if found.initialized.contains("bert.pooler.dense.weight") {
            note("\(file) has no pooler: a new one was initialised at random; expect to train it for longer")
        }
        if let first = found.ignored.min() {
            note("\(file): \(found.ignored.count) tensors of other heads were left out (\(first), …)")
        }
    }

    /// Holds names and shapes of the file's tensors against the model, without reading their numbers.
    ///
    /// - Throws: as `loadParameters`.
    public func requireTensors(of source: any TensorSource, file: String, as kind: WeightSource) throws {
        _ = try match(source, file: file, as: kind)
    }

    /// Which of the file's tensors belongs to which of the model's, which of these are missing and made anew, and which of those
    /// are of no use.
    private func match(_ source: any TensorSource, file: String, as kind: WeightSource) throws -> Match {
        var available: [String: String] = [:]
        var (problems, ignored): ([String], [String]) = ([], [])
        // Some files carry a table of consecutive numbers, which nobody needs.
        for stored in source.names {
            let name = Self.currentName(of: stored)
            if name == "bert.embeddings.position_ids" { continue }
            if Self.belongsToOtherHeads(name) || (name.hasPrefix("classifiers.") && layout.tensor(name) == nil) {
                ignored.append(stored)
            } else if layout.tensor(name) == nil {
                problems.append("surplus tensor \(stored)")
            } else if let other = available.updateValue(stored, forKey: name) {
                problems.append("\(stored) and \(other) are the same tensor under two names")
            }
        }
        var initialized: Set<String> = []
        var headRows: [Int: [Int]] = [:]
        var notes: [String] = []
        if case .encoder(_, let heads?) = kind {
            for (place, task) in tasks.enumerated() {
                guard let other = heads.first(where: { $0.name == task.name }) else { continue }
                headRows[place] = task.rows(ofHeadFor: other)
                if headRows[place] == nil {
                    notes.append(
                        "\(file): the head of task \(task.name) is for another kind of task or other labels "
                            + "(\(other.kind.rawValue)\(other.labels.map { ", " + $0 }.joined())): a new one was initialised "
                            + "at random")
                    for tensor in layout.tensors where tensor.task == place { available[tensor.name] = nil }
                }
            }
        }
        for tensor in layout.tensors {
            guard let stored = available[tensor.name] else {
                if case .encoder = kind, Self.mayBeMissing(tensor.name) {
                    initialized.insert(tensor.name)
                } else {
                    problems.append("missing tensor \(tensor.name)")
                }
                continue
            }
            let shape = try source.shape(of: stored)
            if shape != tensor.shape {
                problems.append("\(stored) has the shape \(shape), the configuration asks for \(tensor.shape)")
            }
        }
        guard problems.isEmpty else {
            throw ModelError("\(file) does not fit its config.json:\n  " + problems.sorted().joined(separator: "\n  "))
        }
        return Match(
            available: available, initialized: initialized, ignored: ignored, headRows: headRows, notes: notes)
    }

    private struct Match {
        /// The stored names, by the layout's.
        let available: [String: String]
        let initialized: Set<String>
        let ignored: [String]
        /// By the place of a task: the stored row for each output of its head.
        let headRows: [Int: [Int]]
        /// What the user should know.
        let notes: [String]
    }

    /// The name that the layout uses for a stored tensor.
    private static func currentName(of stored: String) -> String {
        var name = stored
        let ownPrefixes = ["bert.", "classifiers.", "cls.", "classifier."]
        if !ownPrefixes.contains(where: name.hasPrefix) { name = "bert." + name }
        if name.hasSuffix("LayerNorm.gamma") { name = name.dropLast(5) + "weight" }
        if name.hasSuffix("LayerNorm.beta") { name = name.dropLast(4) + "bias" }
        return name
    }

    /// Tensors of pre-training heads and of single-task classifiers.
    private static func belongsToOtherHeads(_ name: String) -> Bool {
        name.hasPrefix("cls.") || name.hasPrefix("classifier.")
    }

    private static func mayBeMissing(_ name: String) -> Bool {
        name.hasPrefix("classifiers.") || name.hasPrefix("bert.pooler.")
    }

    /// The tensors of a checkpoint, in the order of the layout, named as Hugging Face names them.
    public var savedTensors: [SafetensorsWriter.Tensor] { layout.tensors.map { .init($0.name, shape: $0.shape) } }
}

extension VectorView {
    /// The elements for functions of the standard library.
    var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: base, count: count) }
}

extension MatrixView {
    /// Puts into each row what now is in the row that is named for it.
    fileprivate func arrangeRows(_ sources: [Int]) {
        let before = (0..<rows).map { row(sources[$0]).array }
        for (number, values) in before.enumerated() {
            for (column, value) in values.enumerated() { self[number, column] = value }
        }
    }
}
