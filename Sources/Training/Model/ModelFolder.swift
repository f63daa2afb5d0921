import Checkpoints
import Foundation
import LinearAlgebra
import MultiTaskBERT
import Tokenization

/// Where an encoder comes from, with what was read of it: its configuration and its tokenizer, not yet its weights.
struct EncoderSource: Sendable {
    var configuration: BERTConfiguration
    var tokenizer: WordPieceTokenizer
    /// Nil for a new random encoder.
    let folder: String?

    /// Reads `config.json` and the tokenizer of a model folder in Hugging Face layout.
    init(folder path: String) throws {
        folder = path
        configuration = try BERTConfiguration(file: path + "/config.json")
        tokenizer = try WordPieceTokenizer(modelFolder: path)
        if tokenizer.vocabularySize > configuration.vocabularySize {
            throw ModelError(
                "\(path): the vocabulary has \(tokenizer.vocabularySize) tokens, but config.json says vocab_size "
                    + "\(configuration.vocabularySize): they do not belong together")
        }
    }

    /// A new encoder that is small enough to be trained from nothing.
    init(randomWith vocabulary: Vocabulary, maximumLength: Int) throws {
        folder = nil
        tokenizer = try WordPieceTokenizer(vocabulary: vocabulary)
        configuration = .tiny
        configuration.vocabularySize = tokenizer.vocabularySize
        configuration.attentionHeadCount = 4
        configuration.maximumLength = max(64, maximumLength)
    }

    /// The tasks of the classification heads that are there; nil where nothing is said of any.
    var heads: [ClassificationTask]? { folder.flatMap(SavedModel.tasks(ofHeadsIn:)) }

    /// The weights, and the path of their file.
    func weights() throws -> (source: any TensorSource, file: String) {
        guard let folder else { throw ModelError("a random encoder has no weights to read") }
        for path in ["model.safetensors", "pytorch_model.bin"].map({ "\(folder)/\($0)" })
        where FileManager.default.fileExists(atPath: path) {
            do {
                return (try openTensors(path), path)
            } catch let error as FileSystemError {
                throw ModelError("\(error)")
            }
        }
        let isDivided = ["model.safetensors", "pytorch_model.bin"].contains {
            FileManager.default.fileExists(atPath: "\(folder)/\($0).index.json")
        }
        throw ModelError(
            "\(folder): there is no model.safetensors and no pytorch_model.bin"
                + (isDivided ? "; weights that are divided among several files are not read: save them as one" : ""))
    }

    /// Refuses a configuration of far more parameters than the weights' file has bytes, before memory is taken for them.
    ///
    /// What differs less is told tensor by tensor when they are read.
    func requireRoom(for model: ModelShape) throws {
        guard let folder else { return }
        let (_, file) = try weights()
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        if model.layout.parameterCount > size {
            throw ModelError(
                "\(folder)/config.json describes \(model.layout.parameterCount) parameters, but \(file) has only "
                    + "\(size) bytes: look at hidden_size, num_hidden_layers, intermediate_size and vocab_size")
        }
    }

    /// The tokenizer's files, to be put beside weights.
    ///
    /// `tokenizer_config.json` says how texts are normalized even where the folder's says nothing: transformers looks for that
    /// there alone, and takes its own defaults where `tokenizer.json` says otherwise.
    ///
    /// - Parameter maxLength: the most tokens of a text, for transformers to know; nil where that is left as it is.
    func tokenizerFiles(maxLength: Int? = nil) throws -> [(name: String, contents: [UInt8])] {
        var files = tokenizer.sourceFiles.isEmpty ? tokenizer.huggingFaceFiles() : try copiedTokenizerFiles()
        let name = "tokenizer_config.json"
        let place = files.firstIndex { $0.name == name }
        // Without either file there are no settings but the defaults.
        if place == nil, maxLength == nil, !files.contains(where: { $0.name == "tokenizer.json" }) { return files }
        var keys: [String: JSONValue] = [:]
        if let place { keys = try JSONDecoder().decode([String: JSONValue].self, from: Data(files[place].contents)) }
        let options = tokenizer.options
        keys["do_lower_case"] = .bool(options.lowercases)
        keys["strip_accents"] = options.accentStripping.map(JSONValue.bool) ?? .null
        keys["tokenize_chinese_chars"] = .bool(options.isolatesIdeographs)
        if let maxLength { keys["model_max_length"] = .number(Double(maxLength)) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let contents = Array(try encoder.encode(keys)) + [UInt8(ascii: "\n")]
        if let place { files[place].contents = contents } else { files.append((name, contents)) }
        return files
    }

    private func copiedTokenizerFiles() throws -> [(name: String, contents: [UInt8])] {
        try tokenizer.sourceFiles.map { path in
            guard let contents = try? wholeFile(path, atMost: 1 << 28) else {
                throw ModelError("\(path): this tokenizer file cannot be read any more")
            }
            return (URL(fileURLWithPath: path).lastPathComponent, contents)
        }
    }
}
