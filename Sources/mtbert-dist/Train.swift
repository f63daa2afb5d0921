import ArgumentParser
import DataParallel
import Foundation
import MPI
import Metrics
import Reporting
import Training

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trains the tasks of a configuration.",
        discussion: """
            A configuration needs little:

              model: path/to/encoder          # a folder in Hugging Face layout
              tasks:
                - name: books
                  train: books/train.tsv      # columns text and label
                  dev: books/dev.tsv
                - name: tweets
                  train: tweets.csv
              output: runs/first

            `--keys` lists every key with its default. Started again with the same arguments, a run goes on from its newest \
            checkpoint. SIGUSR1, SIGTERM or the time limit ends a run early, after a checkpoint, with exit code 75. Under \
            mpirun send SIGUSR1: SIGTERM to mpirun leaves the ranks about a second.
            """)

    @OptionGroup var arguments: RunArguments

    @Option(
        help: ArgumentHelp(
            "auto: from the newest checkpoint that verifies; never; or a checkpoint folder.",
            valueName: "auto|never|path"))
    var resume = "auto"

    @Option(
        help: ArgumentHelp(
            "How ranks exchange gradients: auto, shared (the memory of one machine) or messages.", valueName: "kind"))
    var exchange = "auto"

    @Flag(help: "Print every configuration key with its default, and end.")
    var keys = false

    func run() throws {
        if keys { return try reportingErrors { print(RunConfiguration.reference) } }
        // mpirun catches Ctrl-C by itself.
        StopRequest.catchSignals(interrupts: !World.isLaunched)
        try withRanks { communicator in
            let configuration = try communicator.agreeing { try resolvedConfiguration() }
            if let limit = configuration.timeLimit { StopRequest.limit(limit) }
            var options = RunOptions()
            options.resume = ResumePolicy(resume)
            options.threads = try communicator.agreeing { try ThreadCount(argument: arguments.threads) }
            options.exchange = try communicator.agreeing { try ExchangeKind(argument: exchange) }
            let display = ProgressDisplay()
            let watch = try RankWatch(communicator, seconds: configuration.watchdog)
            return try watch.guarding {
                let run = try TrainingRun(configuration, options: options, watch: watch, display: display)
                let observer = try watch.communicator.agreeing {
                    communicator.rank == 0 ? try RunReports.observer(of: run, display: display) : display
                }
                if communicator.rank == 0 { run.noteStart() }
                return try run.trainAndFinish(observer, logging: RunReports.log) ? .done : .stopped
            }
        }
    }

    private func resolvedConfiguration() throws -> RunConfiguration {
        guard let file = arguments.configurationFile else {
            return try RunConfiguration(demonstrationWith: arguments.allOverrides)
        }
        return try RunConfiguration(contentsOf: file, overrides: arguments.allOverrides, checkingFiles: true)
    }
}

/// The files that a run reports to.
enum RunReports {
    static func log(of run: TrainingRun) throws -> any RunObserver {
        try MetricsLog(
            path: run.configuration.output + "/metrics.jsonl", resumingAfter: run.resumedFrom?.step,
            scoringAgain: run.splitsScoredAgain)
    }

    static func observer(of run: TrainingRun, display: ProgressDisplay) throws -> any RunObserver {
        let output = run.configuration.output
        return FanOutObserver([
            try log(of: run), try TensorBoardWriter(folder: output), RunReportObserver(folder: output), display,
        ])
    }
}
