import ArgumentParser
import Foundation
import Metrics
import Reporting
import Training

struct Evaluate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Scores a checkpoint on the dev or test files of its tasks; also under mpirun.",
        discussion: """
            Examples:
              mtbert-dist evaluate runs/reviews/checkpoints/best
              mpirun -n 4 mtbert-dist evaluate runs/reviews/checkpoints/best --json
              mtbert-dist evaluate best-model --config my.yaml --split dev
            """)

    @Argument(help: "A checkpoint folder, such as runs/reviews/checkpoints/best.")
    var checkpoint: String

    @Option(
        help: ArgumentHelp(
            "Where the tasks' files are named; by default the run.yaml of the checkpoint's run.", valueName: "config"))
    var config: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Overrides a key of the configuration, as for train.", valueName: "key.path=value"))
    var overrides: [String] = []

    @Option(help: "Which files: dev or test.")
    var split = "test"

    @Option(
        help: ArgumentHelp(
            "Chunks of the files that a rank scores at once; auto: as many as cores allow.",
            valueName: "auto|number"))
    var threads = "auto"

    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func run() throws {
        try withRanks { communicator in
            let count = try communicator.agreeing { try ThreadCount(argument: threads) }
            let configuration = try communicator.agreeing {
                try CheckpointEvaluation.configuration(of: checkpoint, file: config, overrides: overrides)
            }
            let watch = try RankWatch(communicator, seconds: configuration.watchdog)
            let event = try watch.guarding {
                try CheckpointEvaluation(
                    checkpoint: checkpoint, configuration, split: split, threads: count, watch: watch
                )
                .run()
            }
            if communicator.rank == 0 {
                if json, let line = RunEvent.evaluation(event).jsonLine {
                    print(line)
                } else {
                    ProgressDisplay(output: .standardOutput()).record(.evaluation(event))
                }
                try StandardStreams.requireOutput()
            }
            return .done
        }
    }
}
