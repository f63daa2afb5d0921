import Foundation
import MultiTaskBERT
import Testing

@Suite(.serialized) struct HostileFilesTests {
    @Test func configuration() throws {
        let sample = """
            {"model_type": "bert", "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "intermediate_size": 64, "max_position_embeddings": 64, "type_vocab_size": 2, "hidden_act": "gelu",
             "layer_norm_eps": 1e-12, "initializer_range": 0.02, "hidden_dropout_prob": 0.1, "classifier_dropout": null,
             "position_embedding_type": "absolute", "pad_token_id": 0, "id2label": {"0": "a"}, "pruned_heads": {}}
            """
        let words = [
            "{", "}", "[", "]", "\"", ",", ":", "null", "true", "1e19", "-1", "0.5", "\"hidden_size\":10000000,",
            "\"vocab_size\":1,",
            "\"num_hidden_layers\":1000,", "\"num_attention_heads\":7,", "\"hidden_act\":\"relu\",", "\\ud800", "1e400",
        ]
        try HostileFiles(
            reader: "config.json", fileName: "config.json",
            mutator: Mutator(samples: [Array(sample.utf8), Array("{}".utf8)], words: words),
            promises: { $0 is ModelError }
        ) { path in
            let configuration = try BERTConfiguration(file: path)
            #expect(configuration.hiddenSize % configuration.attentionHeadCount == 0)
            guard configuration.layerCount <= 48 else { return }
            let task = ClassificationTask(name: "a", labels: ["0", "1"])
            #expect(ModelShape(configuration, tasks: [task]).layout.parameterCount > 0)
        }.run()
    }
}
