import Checkpoints
import Foundation
import Kernels
import LinearAlgebra
import MultiTaskBERT
import Testing

/// The model against PyTorch's: one mixed batch of uneven lengths, dropout off. `Tests/Oracles/model_golden.py` wrote the
/// expected values.
@Suite struct GoldenModelTests {
    @Test(arguments: [("gelu", "expected"), ("gelu_new", "expected.gelu_new"), ("relu", "expected.relu")])
    func tinyModel(activation: String, file: String) throws {
        let folder = fixture("tiny-bert")
        try compare(
            model: folder, expected: folder + "/\(file).safetensors", activation: activation, stateTolerance: 2e-5,
            gradientTolerance: 1e-5)
    }

    /// Heads on the mean over all tokens, smoothed labels, and class weights for one of the tasks.
    @Test func meanPoolingAndTargets() throws {
        let folder = fixture("tiny-bert")
        let targets = [[], [0.5, 1, 2], []].map { LabelTargets(smoothing: 0.2, classWeights: $0) }
        try compare(
            model: folder, expected: folder + "/expected.mean.safetensors", activation: "gelu", stateTolerance: 2e-5,
            gradientTolerance: 1e-5, pooling: .mean, fineTuning: FineTuning(targets: targets))
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["MTBERT_MODEL_GOLDEN"] != nil,
            "MTBERT_MODEL_GOLDEN=FOLDER,EXPECTED.safetensors names a real encoder and its expected values"))
    func realEncoder() throws {
        let parts = ProcessInfo.processInfo.environment["MTBERT_MODEL_GOLDEN", default: ""].split(separator: ",")
        try #require(parts.count == 2)
        try compare(
            model: String(parts[0]), expected: String(parts[1]), activation: "gelu", stateTolerance: 2e-5,
            gradientTolerance: 1e-4)
    }

    private func compare(
        model folder: String, expected file: String, activation: String, stateTolerance: Double,
        gradientTolerance: Double, pooling: Pooling = .firstToken, fineTuning: FineTuning = FineTuning()
    ) throws {
        let expected = try SafetensorsFile(file)
        var configuration = try BERTConfiguration(file: folder + "/config.json")
        configuration.activation = try #require(.init(rawValue: activation))
        let tasks = ["alpha", "beta", "gamma"]
        let model = ModelShape(
            configuration,
            tasks: try tasks.map { name in
                let count = try expected.shape(of: "param.classifiers.\(name).bias")[0]
                return ClassificationTask(name: name, labels: (0..<count).map(String.init))
            }, pooling: pooling)
        let parameters = FloatBuffer(count: model.layout.count)
        try model.loadParameters(
            from: try SafetensorsFile(folder + "/model.safetensors"), file: folder, as: .encoder(seed: 1),
            into: parameters.view, note: { _ in })
        for tensor in model.layout.tensors where tensor.name.hasPrefix("classifiers.") {
            let values = try floats(expected, "param." + tensor.name)
            for (index, value) in values.enumerated() { parameters.view[tensor.offset + index] = value }
        }
        let batch = try packedBatch(expected)
        let pass = ModelPass(model, parameters: parameters.view, fineTuning: fineTuning)

        let (states, pooled) = pass.hiddenStates(batch)
        for (index, state) in states.enumerated() {
            let worst = largestDifference(state, try floats(expected, "hidden_states.\(index)"))
            #expect(worst < stateTolerance, "hidden states \(index) differ by \(worst)")
        }
        if pooling == .firstToken {
            let worstPooled = largestDifference(pooled, try floats(expected, "pooled"))
            #expect(worstPooled < stateTolerance, "the pooled output differs by \(worstPooled)")
        }
        let logits = pass.logits(batch)
        for (task, name) in tasks.enumerated() {
            let own = batch.tasks.indices.filter { batch.tasks[$0] == task }.flatMap { logits[$0] }
            let worst = largestDifference(own, try floats(expected, "logits.\(name)"))
            #expect(worst < 1e-4, "the logits of \(name) differ by \(worst)")
        }

        let counts = tasks.indices.map { task in batch.tasks.count { $0 == task } }
        let weights = zip(try floats(expected, "task_weights"), counts).map { Double($0) / Double($1) }
        let gradient = GradientBuffer(model)
        let losses = pass.gradient(batch, weights: weights, dropoutKey: nil, into: gradient)
        let loss = zip(losses[0], weights).reduce(0) { $0 + $1.0 * $1.1 }
        let expectedLoss = Double(try floats(expected, "loss")[0])
        #expect(abs(loss - expectedLoss) < 1e-5 * abs(expectedLoss), "loss \(loss), expected \(expectedLoss)")
        let scale = try model.layout.tensors.map { norm(try floats(expected, "grad." + $0.name)) }.max() ?? 1
        for tensor in model.layout.tensors {
            let right = try floats(expected, "grad." + tensor.name)
            let own = gradient.flat.slice(tensor.range).array
            let distance = norm(zip(own, right).map { $0 - $1 })
            // A key's bias shifts all scores of a row alike, so that its gradient is zero but for rounding.
            let bound = tensor.name.hasSuffix("key.bias") ? 1e-6 * scale : gradientTolerance * norm(right)
            #expect(distance <= bound, "\(tensor.name): \(distance) away, norm \(norm(right))")
        }
    }
}

/// The expected file's batch as one shard.
func packedBatch(_ expected: SafetensorsFile, shards: Int = 1) throws -> PackedBatch {
    let ids = try floats(expected, "input_ids").map { Int32($0) }
    let types = try floats(expected, "token_types")
    let offsets = try floats(expected, "sequence_offsets").map { Int($0) }
    let tasks = try floats(expected, "example_task").map { Int($0) }
    let labels = try floats(expected, "example_label").map { Int($0) }
    let sequences = tasks.indices.map { index in
        let range = offsets[index]..<offsets[index + 1]
        return PackedBatch.Sequence(
            ids: ids[range], secondSegmentStart: range.count { types[$0] == 0 },
            task: tasks[index], label: labels[index])
    }
    return PackedBatch(
        shards: (0..<shards).map { shard in
            (shard, sequences.indices.filter { $0 * shards / sequences.count == shard }.map { sequences[$0] })
        })
}

func fixture(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/\(name)").path
}

func floats(_ file: SafetensorsFile, _ name: String) throws -> [Float] {
    let count = try file.shape(of: name).reduce(1, *)
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        try file.readFloats(name, into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
        initialized = count
    }
}

func largestDifference(_ first: [Float], _ second: [Float]) -> Double {
    guard first.count == second.count else { return .infinity }
    return zip(first, second).reduce(0) { max($0, Double(abs($1.0 - $1.1))) }
}

func norm(_ values: [Float]) -> Double { values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot() }
