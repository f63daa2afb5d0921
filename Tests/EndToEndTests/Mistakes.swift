import Foundation
import Testing

extension EndToEnd.BadInput {
    /// One thing that is wrong with a project.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let name: String
        var testDescription: String { name }
        let code: Int32
        /// What the error must name.
        let words: [String]
        let make: @Sendable (Project) throws -> [String]

        /// - Parameter make: spoils a good project and returns further arguments.
        init(
            _ name: String, _ code: Int32, _ words: [String],
            _ make: @escaping @Sendable (Project) throws -> [String]
        ) {
            (self.name, self.code, self.words, self.make) = (name, code, words, make)
        }

        init(_ name: String, _ code: Int32, set override: String, _ words: [String]) {
            self.init(name, code, words) { _ in ["--set", override] }
        }
    }

    static let configuration = [
        Mistake("unknown key", 64, ["run.yaml:13", "batch_size"]) {
            try $0.replace("batch: {size: 16,", with: "batch: {batch_size: 16,", in: "run.yaml")
            return []
        },
        Mistake("wrong type", 64, ["run.yaml:14", "steps", "many"]) {
            try $0.replace("steps: 9", with: "steps: many", in: "run.yaml")
            return []
        },
        Mistake("broken YAML", 64, ["run.yaml:"]) {
            try $0.replace("max_length: 24}", with: "max_length: 24", in: "run.yaml")
            return []
        },
        Mistake(
            "unknown key in an override", 64, set: "optimizer.learning_rat=1", ["learning_rat", "learning_rate"]),
        Mistake("a score that no file gives", 64, ["evaluation.best is mean.pearson", "dev"]) {
            try $0.replace(
                "tasks:\n", with: "tasks:\n  - {name: stars, kind: regression, train: data/stars.tsv}\n", in: "run.yaml"
            )
            try $0.write("data/stars.tsv", "text\tlabel\nthe film\t1.5\nnot good\t0.5\n")
            return ["--set", "evaluation.best=mean.pearson"]
        },
        Mistake("impossible value in an override", 64, set: "dropout=1.5", ["dropout", "1.5"]),
        Mistake("missing data file", 64, ["run.yaml:4", "yesno.train.tsv"]) {
            try FileManager.default.removeItem(atPath: $0.path("data/yesno.train.tsv"))
            return []
        },
        Mistake("more tokens than positions", 64, set: "batch.max_length=41", ["batch.max_length", "41", "40"]),
        Mistake("threads that cannot share", 64, ["--threads", "3"]) { _ in ["--threads", "3"] },
        Mistake("no threads", 64, ["--threads", "0"]) { _ in ["--threads", "0"] },
        Mistake("unknown exchange", 64, ["--exchange", "pigeons", "messages"]) { _ in ["--exchange", "pigeons"] },
        Mistake("unknown checkpoint to resume", 64, ["step-00000077"]) {
            ["--resume", $0.path("step-00000077")]
        },
    ]

    static let data = [
        Mistake("label outside the declared set", 65, ["yesno.train.tsv:6", "perhaps"]) {
            try $0.changeLine(6, of: "data/yesno.train.tsv") { _ in "the film\tperhaps" }
        },
        Mistake("label that only dev has", 65, ["mood.dev.tsv:2", "perhaps"]) {
            try $0.changeLine(2, of: "data/mood.dev.tsv") { _ in "the film\tperhaps" }
        },
        Mistake("empty file", 65, ["mood.train.tsv"]) {
            try $0.write("data/mood.train.tsv", "")
            return []
        },
        Mistake("a header and nothing else", 65, ["mood.train.tsv"]) {
            try $0.write("data/mood.train.tsv", "text\tlabel\n")
            return []
        },
        Mistake("missing column", 65, ["mood.test.tsv", "label"]) {
            try $0.changeLine(1, of: "data/mood.test.tsv") { _ in "text\tsentiment" }
        },
        Mistake("too many columns", 65, ["yesno.train.tsv:9"]) {
            try $0.changeLine(9, of: "data/yesno.train.tsv") { $0 + "\tyes" }
        },
        Mistake("too few columns", 65, ["yesno.dev.tsv:11"]) {
            try $0.changeLine(11, of: "data/yesno.dev.tsv") { _ in "the film" }
        },
        Mistake("broken UTF-8", 65, ["mood.train.tsv:4", "UTF-8"]) {
            var bytes = Data(try $0.text("data/mood.train.tsv").utf8)
            let start = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }[2] + 1
            bytes.insert(contentsOf: [0xC3, 0x28], at: start)
            try $0.write("data/mood.train.tsv", bytes)
            return []
        },
        Mistake("not gzip", 65, ["mood.train.tsv.gz"]) {
            try $0.write("data/mood.train.tsv.gz", Data([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xFF, 0xFF, 1]))
            return ["--set", "tasks.mood.train=" + $0.path("data/mood.train.tsv.gz")]
        },
    ]

    static let models = [
        Mistake("missing model folder", 65, ["nowhere"]) { ["--set", "model=" + $0.path("nowhere")] },
        Mistake("hub model that is not here", 65, ["some/body"]) { _ in ["--set", "model=some/body"] },
        Mistake("a folder for weights", 65, ["model.safetensors"]) {
            try FileManager.default.removeItem(atPath: $0.path("model/model.safetensors"))
            try FileManager.default.createDirectory(
                atPath: $0.path("model/model.safetensors"), withIntermediateDirectories: false)
            return []
        },
        Mistake("missing weights", 65, ["model.safetensors"]) {
            try FileManager.default.removeItem(atPath: $0.path("model/model.safetensors"))
            return []
        },
        Mistake("missing vocabulary", 65, ["vocab.txt"]) {
            try FileManager.default.removeItem(atPath: $0.path("model/vocab.txt"))
            return []
        },
        Mistake("unsupported activation", 65, ["config.json", "hidden_act", "silu"]) {
            try $0.replace("\"gelu\"", with: "\"silu\"", in: "model/config.json")
            return []
        },
        Mistake("unsupported positions", 65, ["config.json", "position_embedding_type", "relative_key"]) {
            try $0.replace("\"absolute\"", with: "\"relative_key\"", in: "model/config.json")
            return []
        },
        Mistake("sizes of another model", 65, ["model.safetensors", "intermediate.dense", "52", "64"]) {
            try $0.replace("\"intermediate_size\": 52", with: "\"intermediate_size\": 64", in: "model/config.json")
            return []
        },
        Mistake("sizes that no machine holds", 65, ["hidden_size"]) {
            try $0.replace("\"hidden_size\": 36", with: "\"hidden_size\": 9999999", in: "model/config.json")
            return []
        },
        Mistake("vocabulary larger than the model's", 65, ["vocab", "62", "61"]) {
            try $0.write("model/vocab.txt", try $0.text("model/vocab.txt") + "surplus\n")
            return []
        },
        Mistake("weights cut short", 65, ["model.safetensors"]) {
            let bytes = try $0.modelBytes()
            try $0.write("model/model.safetensors", bytes.dropLast(1000))
            return []
        },
        Mistake("weights cut within the header", 65, ["model.safetensors"]) {
            try $0.write("model/model.safetensors", try $0.modelBytes().prefix(100))
            return []
        },
        Mistake("header too long", 65, ["model.safetensors", "header"]) {
            var bytes = try $0.modelBytes()
            bytes.replaceSubrange(0..<8, with: [0, 0, 0, 0, 0, 0, 0, 0x7F])
            try $0.write("model/model.safetensors", bytes)
            return []
        },
        Mistake("header that is no JSON", 65, ["model.safetensors"]) {
            var bytes = try $0.modelBytes()
            bytes[20] = UInt8(ascii: "}")
            try $0.write("model/model.safetensors", bytes)
            return []
        },
        Mistake("overlapping tensors", 65, ["model.safetensors", "bert.embeddings.LayerNorm"]) {
            try $0.changeTensor("bert.embeddings.LayerNorm.weight") { $0["data_offsets"] = [0, 144] }
        },
        Mistake("tensor beyond the file", 65, ["model.safetensors", "bert.pooler.dense.weight"]) {
            try $0.changeTensor("bert.pooler.dense.weight") { $0["data_offsets"] = [94880, 100064] }
        },
        Mistake("tensor shorter than its shape", 65, ["model.safetensors", "bert.pooler.dense.bias"]) {
            try $0.changeTensor("bert.pooler.dense.bias") { $0["shape"] = [37] }
        },
        Mistake("integers for weights", 65, ["model.safetensors", "bert.pooler.dense.bias", "I32"]) {
            try $0.changeTensor("bert.pooler.dense.bias") { $0["dtype"] = "I32" }
        },
        Mistake("unknown type", 65, ["model.safetensors", "bert.pooler.dense.bias", "F31"]) {
            try $0.changeTensor("bert.pooler.dense.bias") { $0["dtype"] = "F31" }
        },
        Mistake("ill-shaped tensor", 65, ["model.safetensors", "bert.pooler.dense.bias", "[1, 36]", "[36]"]) {
            try $0.changeTensor("bert.pooler.dense.bias") { $0["shape"] = [1, 36] }
        },
        Mistake("missing tensor", 65, ["bert.encoder.layer.1.output.dense.bias"]) {
            try $0.renameTensor("bert.encoder.layer.1.output.dense.bias", to: "cls.predictions.bias")
        },
        Mistake("layers that the configuration does not have", 65, ["bert.encoder.layer.1.output.dense.bias"]) {
            try $0.replace("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 1", in: "model/config.json")
            return []
        },
    ]

    static let folders = [
        Mistake("folder of foreign files", 64, ["no run.yaml"]) {
            try FileManager.default.createDirectory(atPath: $0.path("run"), withIntermediateDirectories: true)
            try $0.write("run/thesis.txt", "precious")
            return []
        },
        Mistake("a file for a folder", 64, ["output", "run", "cannot be written: Not a directory"]) {
            try $0.write("run", "precious")
            return []
        },
    ]
}

extension Project {
    /// - Parameter number: from 1. - Returns: no arguments.
    func changeLine(_ number: Int, of name: String, _ change: (String) -> String) throws -> [String] {
        var lines = try text(name).components(separatedBy: "\n")
        lines[number - 1] = change(lines[number - 1])
        try write(name, lines.joined(separator: "\n"))
        return []
    }

    func modelBytes() throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path("model/model.safetensors"))) }

    /// Changes what the header of the weights says of a tensor, and nothing else. - Returns: no arguments.
    func changeTensor(_ name: String, _ change: (inout [String: Any]) -> Void) throws -> [String] {
        try changeHeader { header in
            var tensor = try #require(header[name] as? [String: Any])
            change(&tensor)
            header[name] = tensor
        }
    }

    func renameTensor(_ name: String, to other: String) throws -> [String] {
        try changeHeader { header in
            let tensor = try #require(header[name] as? [String: Any])
            (header[name], header[other]) = (nil, tensor)
        }
    }

    private func changeHeader(_ change: (inout [String: Any]) throws -> Void) throws -> [String] {
        let bytes = try modelBytes()
        let size = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var header = try #require(try JSONSerialization.jsonObject(with: bytes[8..<8 + size]) as? [String: Any])
        try change(&header)
        let text = try JSONSerialization.data(withJSONObject: header)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
        try write("model/model.safetensors", Data(length) + text + bytes[(8 + size)...])
        return []
    }
}
