import ArgumentParser
import Foundation
import Training

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a checkpoint holds, or what a run will do.",
        discussion: """
            Examples:
              mtbert-dist inspect runs/reviews/checkpoints/best
              mtbert-dist inspect plan Configs/reviews.yaml --steps 3
            """,
        subcommands: [InspectCheckpoint.self, InspectPlan.self], defaultSubcommand: InspectCheckpoint.self)
}

struct InspectCheckpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint", abstract: "Verifies a checkpoint and tells what it holds.")

    @Argument(help: "A checkpoint folder.")
    var checkpoint: String

    func run() throws {
        try reportingErrors { print(try CheckpointDescription(checkpoint).text) }
    }
}

struct InspectPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Prints which examples each step takes in which shard, and the tasks' loss weights.",
        discussion: """
            One JSON object a step: {"step":1,"shards":[[["TASK",ROW],…],…],"weights":{"TASK":…}}. ROW counts the rows of the \
            task's training file from 0. The loss of a step is the sum over the tasks of weight × the mean cross-entropy of \
            the task's examples, so that any other program can replay a run exactly.
            """)

    @Argument(help: ArgumentHelp("The configuration; without one, the demonstration.", valueName: "config"))
    var configurationFile: String?

    @Option(help: "How many steps to print.")
    var steps = 1

    @Option(help: "The first step to print.")
    var from = 1

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Overrides a key of the configuration, as for train.", valueName: "key.path=value"))
    var overrides: [String] = []

    func run() throws {
        try reportingErrors {
            let configuration =
                if let configurationFile {
                    try RunConfiguration(contentsOf: configurationFile, overrides: overrides, checkingFiles: true)
                } else {
                    try RunConfiguration(demonstrationWith: overrides)
                }
            let most = 1_000_000_000
            guard 1...most ~= from, 0...most ~= steps else {
                throw UsageError("--from must be from 1 to \(most), --steps from 0")
            }
            var printer = try PlanPrinter(configuration)
            printer.lines(from..<from + steps) { print($0) }
        }
    }
}
