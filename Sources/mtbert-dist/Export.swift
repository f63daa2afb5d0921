import ArgumentParser
import Training

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes one task of a checkpoint as a model that transformers' text classification reads.",
        discussion: """
            Example:
              mtbert-dist export runs/reviews/checkpoints/best --task books --to models/books
            and then, in Python:
              pipeline("text-classification", model="models/books")
            """)

    @Argument(help: "A checkpoint folder, such as runs/reviews/checkpoints/best.")
    var checkpoint: String

    @Option(help: "The task whose classification head goes with the encoder.")
    var task: String

    @Option(name: .customLong("to"), help: ArgumentHelp("The folder to write.", valueName: "dir"))
    var folder: String

    func run() throws {
        try reportingErrors {
            let model = try SingleTaskModel(checkpoint: checkpoint, task: task)
            try model.write(to: folder)
            print("wrote \(folder)")
            if let difference = model.difference { remark(difference) }
        }
    }
}
