import Checkpoints
import Foundation
import LinearAlgebra
import MPI
import MultiTaskBERT

/// What stands in a checkpoint folder, and how it is read back.
///
/// `model.safetensors` and `optimizer.safetensors` hold whole tensors by their Hugging Face names, free of how ranks divided
/// them; the moments are named `exp_avg.NAME` and `exp_avg_sq.NAME`, as PyTorch's Adam calls them.
struct CheckpointContents: Sendable {
    private let model: ModelShape
    private let source: EncoderSource
    private let state: TrainerState
    private let maxLength: Int
    private let run: Unshared<TrainingRun>

    init(_ run: TrainingRun) {
        (model, source, state) = (run.model, run.source, run.state)
        maxLength = run.configuration.batch.maxLength
        self.run = Unshared(value: run)
    }

    static let firstMoment = "exp_avg."
    static let secondMoment = "exp_avg_sq."

    /// Everything but the tensors.
    ///
    /// - Parameter links: names that shall point to the checkpoint.
    func smallFiles(links: [String]) throws -> [(name: String, contents: [UInt8])] {
        var state = state
        state.links = links.isEmpty ? nil : links
        return [
            (
                "config.json",
                try SavedModel.configJSON(model, maxLength: maxLength, truncation: source.tokenizer.truncation)
            ),
            ("trainer_state.json", try state.json),
        ]
            + (try source.tokenizerFiles())
    }

    /// - Throws: `RunError` for a number that is not finite: a checkpoint holds none.
    func writeTensors(to draft: CheckpointDraft, parameters: VectorView, first: VectorView, second: VectorView) throws {
        try draft.addSafetensors(named: "model.safetensors", tensors: model.savedTensors) { writer in
            for tensor in model.layout.tensors {
                try writer.writeFinite(tensor.name, parameters.slice(tensor.range))
            }
        }
        let moments = [(Self.firstMoment, first), (Self.secondMoment, second)]
        let names = moments.flatMap { prefix, _ in
            model.savedTensors.map { SafetensorsWriter.Tensor(prefix + $0.name, shape: $0.shape) }
        }
        try draft.addSafetensors(named: "optimizer.safetensors", tensors: names) { writer in
            for (prefix, values) in moments {
                for tensor in model.layout.tensors {
                    try writer.writeFinite(prefix + tensor.name, values.slice(tensor.range))
                }
            }
        }
    }

    func byteCount(_ files: [(name: String, contents: [UInt8])]) -> Int {
        3 * 4 * model.layout.parameterCount + files.reduce(0) { $0 + $1.contents.count }
    }

    /// Collective: rank 0 reads the moments and sends every rank those of the ranges that it owns.
    func restoreMoments(from checkpoint: Checkpoint) throws {
        let run = run.value
        let (communicator, ranges) = (run.communicator, run.replica.exchange.ranges)
        let whole = FloatBuffer(count: run.isRoot ? model.layout.count : 0)
        let path = checkpoint.file("optimizer.safetensors")
        for (prefix, own) in zip([Self.firstMoment, Self.secondMoment], run.replica.moments) {
            try communicator.agreeing {
                guard run.isRoot else { return }
                let file = try SafetensorsFile(path)
                for tensor in model.layout.tensors {
                    let name = prefix + tensor.name
                    guard try file.shape(of: name) == tensor.shape else {
                        throw ModelError(
                            "\(path): \(name) has the shape \(try file.shape(of: name)), not \(tensor.shape)")
                    }
                    try file.readFloats(name, into: whole.view.slice(tensor.range).elements)
                }
            }
            guard run.isRoot else {
                for part in own { try communicator.receive(into: part.bytes, from: 0, tag: 3) }
                continue
            }
            for (range, part) in zip(ranges.ranges(of: 0), own) { part.copy(from: whole.view.slice(range)) }
            for rank in 1..<max(1, communicator.size) {
                for range in ranges.ranges(of: rank) {
                    try communicator.send(UnsafeRawBufferPointer(whole.view.slice(range).bytes), to: rank, tag: 3)
                }
            }
        }
        run.replica.optimizer.momentsChanged()
    }
}

extension SafetensorsWriter {
    fileprivate func writeFinite(_ name: String, _ values: VectorView) throws {
        let elements = UnsafeBufferPointer(values.elements)
        // Infinities and NaNs are the largest bit patterns but for the sign; a maximum of integers is quickly found.
        let largest = elements.reduce(into: UInt32(0)) { $0 = max($0, $1.bitPattern & 0x7FFF_FFFF) }
        guard largest < Float.infinity.bitPattern else { throw RunError("\(name) holds a number that is not finite") }
        try write(name, elements)
    }
}

extension VectorView {
    var elements: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: base, count: count) }
}
