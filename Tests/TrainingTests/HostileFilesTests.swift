import Checkpoints
import Foundation
import LinearAlgebra
import MultiTaskBERT
import Testing
import Tokenization
import Training

@Suite(.serialized) struct HostileFilesTests {
    private static let words = [
        "{", "}", "[", "]", "\"", "'", ", ", ": ", "- ", "? ", "&a ", "*a", "<<: *a\n", "!!str ", "!!binary ", "|\n  ",
        ">-\n  ", "# ",
        "---\n", "...\n", "%YAML 1.1\n", "tasks:\n", "name: ", "train: ", "batch: ", "\t", "~", "null", ".inf", "0x10",
        "1_0", "yes",
        "\"\\x00\"", "\"\\U0010FFFF\"", "{a: &a [*a]}",
    ]

    @Test func configuration() throws {
        let samples = [
            minimal,
            """
            # A configuration with most of what there is.
            model: ../models/minilm
            tasks:
              - &first
                name: books
                train: data.tsv
                dev: data.tsv
                text: [first, second]
                labels: [negative, "neutral", 'positive']
                weight: 1.5
              - <<: *first
                name: tickets
                limit: 100
            batch: {size: 16, shards: auto, max_length: 64}
            epochs: 2.5
            sampling: {strategy: temperature, temperature: 5}
            optimizer: {learning_rate: 5.0e-5, weight_decay: 0.01}
            schedule: {kind: cosine, warmup: 0.1}
            time_limit: "1:30:00"
            seed: 18446744073709551615
            evaluation: {every: 50, best: books.macro_f1}
            checkpoint: {every: 50, keep: 3}
            output: runs/mine
            """,
        ].map { Array($0.utf8) }
        let folder = FileManager.default.currentDirectoryPath
        let paths = PathResolver(configurationFolder: folder, currentDirectory: folder)
        try HostileFiles(
            reader: "configuration", fileName: "run.yaml", mutator: Mutator(samples: samples, words: Self.words),
            promises: { $0 is ConfigurationError }
        ) { path in
            let configuration = try RunConfiguration(contentsOf: path)
            // What a run saves of it reads back as the same.
            let saved = configuration.resolvedYAML()
            #expect(
                try RunConfiguration(yaml: saved, file: "saved", overrides: [], paths: paths) == configuration,
                "\(saved)")
        }.run()
    }

    @Test func trainerState() throws {
        let sample = """
            {"version": 1, "step": 500, "updates": 499, "taskUpdates": [499, 20], "skippedInARow": 0, "skippedSteps": 1,
             "evaluationIsDue": false, "seed": 42, "shards": 8, "best": {"step": 400, "criterion": "mean.accuracy", "score": 0.5},
             "configurationDigest": "0123456789abcdef"}
            """
        try HostileFiles(
            reader: "trainer_state.json", fileName: "trainer_state.json",
            mutator: Mutator(samples: [Array(sample.utf8)], words: Self.words), promises: { $0 is ModelError }
        ) { path in
            let text = "\(try TrainerState(file: path))"
            #expect(!text.isEmpty)
        }.run()
    }

    /// A whole checkpoint folder, of which `config.json` says what the rest must be.
    @Test func savedModel() throws {
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b"]
        let sample = """
            {"model_type": "bert", "vocab_size": 6, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 8, "max_position_embeddings": 16, "type_vocab_size": 2, "multi_task_max_length": 8,
             "multi_task_pooling": "cls", "multi_task_truncation": "head",
             "multi_task_heads": [{"name": "x", "labels": ["0", "1"]}, {"name": "y", "labels": ["a", "b", "c"]}]}
            """
        var configuration = BERTConfiguration()
        (configuration.vocabularySize, configuration.hiddenSize, configuration.layerCount) = (6, 4, 1)
        (configuration.attentionHeadCount, configuration.intermediateSize) = (2, 8)
        (configuration.maximumLength, configuration.tokenTypeCount) = (16, 2)
        let shape = ModelShape(
            configuration,
            tasks: [.init(name: "x", labels: ["0", "1"]), .init(name: "y", labels: ["a", "b", "c"])])
        let words =
            Self.words + [
                "\"multi_task_heads\": [],", "\"multi_task_heads\": [{\"name\": \"x\", \"labels\": []}],",
                "\"labels\": [",
                "\"type_vocab_size\": 1,", "\"max_position_embeddings\": 1,", "\"multi_task_max_length\": -5,",
                "\"name\": \"x\",",
            ]
        try HostileFiles(
            reader: "checkpoint", fileName: "config.json",
            mutator: Mutator(samples: [Array(sample.utf8)], words: words),
            shortRun: 500,
            // Where config.json and the weights do not fit, either may be named.
            promises: { $0 is ModelError || $0 is TokenizerError || ($0 as? TensorFileError) != nil }
        ) { path in
            let folder = (path as NSString).deletingLastPathComponent
            do {
                let saved = try SavedModel(checkpoint: folder)
                guard saved.maxLength > 2 else { return }
                for task in saved.model.tasks {
                    let predictor = try Predictor(checkpoint: folder, task: task.name, arePairs: true)
                    _ = try predictor.predict(["a b a\tb a", "\t"])
                }
            } catch  where "\(error)".contains(folder) {
                guard "\(error)".contains("config.json") else { return }
                throw error
            }
        }.run { folder in
            try Data(tokens.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: "\(folder)/vocab.txt"))
            let tensors = shape.layout.tensors
            try SafetensorsWriter.write(
                toFile: "\(folder)/model.safetensors", tensors: tensors.map { .init($0.name, shape: $0.shape) }
            ) { writer in
                for tensor in tensors {
                    let values = [Float](repeating: 0.5, count: tensor.count)
                    try values.withUnsafeBufferPointer { try writer.write(tensor.name, $0) }
                }
            }
        }
    }
}
