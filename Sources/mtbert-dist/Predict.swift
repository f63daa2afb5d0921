import ArgumentParser
import Foundation
import Training

struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Labels texts: one a line in, one JSON object a line out.",
        discussion: """
            Examples:
              echo "not bad at all" | mtbert-dist predict best-model --task books
              mtbert-dist predict best-model --task books < texts.txt > answers.jsonl
            """)

    @Argument(help: "A checkpoint folder, such as runs/reviews/checkpoints/best.")
    var checkpoint: String

    @Option(help: "The task whose classification head is asked.")
    var task: String

    @Option(help: "The most tokens of a text, special tokens included; as in training by default.")
    var maxLength: Int?

    @Flag(help: "A line holds a pair of texts, with a tab between them; of newer checkpoints it is known.")
    var pairs = false

    func run() throws {
        try reportingErrors {
            let predictor = try Predictor(
                checkpoint: checkpoint, task: task, maxLength: maxLength, arePairs: pairs)
            // A person who types wants each answer at once; a pipe is faster in batches.
            let batchSize = isatty(STDIN_FILENO) == 1 ? 1 : 64
            var (isAtEnd, count) = (false, 0)
            while !isAtEnd {
                var lines: [String] = []
                while lines.count < batchSize {
                    guard let line = readLine() else {
                        try StandardStreams.requireInput()
                        isAtEnd = true
                        break
                    }
                    lines.append(line)
                }
                for answer in try predictor.predict(lines, firstLine: count + 1) { print(answer.json) }
                count += lines.count
                try StandardStreams.requireOutput()
            }
        }
    }
}

struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the token ids of texts: one a line in, one JSON array a line out.",
        discussion: """
            Special tokens are included; the ids are those of transformers' BertTokenizerFast. Example:
              echo "not bad at all" | mtbert-dist tokenize --model models/minilm
            """)

    @Option(help: ArgumentHelp("A folder with vocab.txt or tokenizer.json.", valueName: "dir"))
    var model: String

    @Option(help: "The most tokens of a text, special tokens included; all of them by default.")
    var maxLength: Int?

    func run() throws {
        try reportingErrors {
            let printer = try TokenPrinter(modelFolder: model, maxLength: maxLength ?? .max)
            while let line = readLine() { print(printer.tokens(of: line)) }
            try StandardStreams.requireInput()
        }
    }
}

/// Runs the work of a command that needs no ranks and prints its results; its error is printed, with the exit code for it.
func reportingErrors(_ body: () throws -> Void) throws {
    do {
        try body()
        try StandardStreams.requireOutput()
    } catch {
        complain("\(error)")
        throw RunEnded(code: Training.ExitCode(error))
    }
}
