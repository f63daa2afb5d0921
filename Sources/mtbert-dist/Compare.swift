import ArgumentParser
import DataParallel
import Foundation
import MPI
import Metrics
import Reporting
import Training

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Finds out whether training the tasks together helps each of them; also under mpirun.",
        discussion: """
            Trains every task alone (single), all together (joint), and any variants of either, with several seeds and \
            training sizes, and says for each task what joint training gains or harms, with an interval:

              mpirun -n 4 mtbert-dist compare Configs/reviews.yaml --seeds 1,2,3 --fractions 100,all
              mtbert-dist compare my.yaml --variant 'even: sampling.strategy=temperature sampling.temperature=5'
              mtbert-dist compare my.yaml --single-variant 'alone-fast: optimizer.learning_rate=5.0e-5'

            The same can stand in the configuration:

              compare:
                seeds: [1, 2, 3]
                fractions: [100, 10%, all]
                variants:
                  - {name: even, set: [sampling.strategy=temperature]}

            Every way to train passes over each task's examples as often (epochs). Runs are spread over the ranks, and their \
            scores are the same on any number of them. Started again with the same arguments, a comparison goes on where it \
            was stopped. It writes comparison.json and report.html; each run's folder keeps its scores, log and configuration, and \
            with --keep-models its checkpoints.
            """)

    @OptionGroup var arguments: RunArguments

    @Option(help: ArgumentHelp("Every way to train is tried with each of these seeds.", valueName: "list"))
    var seeds: String?

    @Option(
        help: ArgumentHelp(
            "Training sizes: numbers of examples of each task, shares such as 10%, or all for as configured.",
            valueName: "list"))
    var fractions: String?

    @Option(
        name: .customLong("variant"), parsing: .singleValue,
        help: ArgumentHelp(
            "A further way to train all tasks together, by keys as for --set; may be repeated.",
            valueName: "NAME: key=value …"))
    var variants: [String] = []

    @Option(
        name: .customLong("single-variant"), parsing: .singleValue,
        help: ArgumentHelp("A further way to train each task alone.", valueName: "NAME: key=value …"))
    var singleVariants: [String] = []

    @Option(help: "Score the weights of the last step, or of the best evaluation on the dev files: last or best.")
    var scoreAt = "last"

    @Flag(help: "Keep every run's checkpoint; otherwise it goes when the run's scores are recorded.")
    var keepModels = false

    @Flag(help: "Print comparison.json instead of tables.")
    var json = false

    func run() throws {
        StopRequest.catchSignals(interrupts: !World.isLaunched)
        try withRanks { communicator in
            let (settings, configuration) = try communicator.agreeing { () -> (ComparisonSettings, RunConfiguration) in
                let settings = try resolvedSettings()
                return (settings, try settings.configuration())
            }
            if let limit = configuration.timeLimit { StopRequest.limit(limit) }
            var options = RunOptions()
            options.threads = try communicator.agreeing { try ThreadCount(argument: arguments.threads) }
            let display = ComparisonDisplay()
            let watch = try RankWatch(communicator, seconds: configuration.watchdog)
            return try watch.guarding {
                let job = try ComparisonJob(settings, options: options, watch: watch, observer: display)
                let outcome = try job.run(logging: RunReports.log)
                switch outcome {
                case .finished(let comparison):
                    guard let comparison else { return .done }
                    writeReport(of: comparison, folder: configuration.output)
                    if json {
                        print(String(decoding: try comparison.json(), as: UTF8.self), terminator: "")
                    } else {
                        display.show(comparison)
                    }
                    try StandardStreams.requireOutput()
                    display.showEnd(output: configuration.output)
                    return .done
                case .stopped(let done, let all):
                    if communicator.rank == 0 {
                        remark("stopped: \(done) of \(all) runs are done; the same command goes on with the others")
                    }
                    return .stopped
                }
            }
        }
    }

    /// A page that cannot be written is no reason to fail: comparison.json stands.
    private func writeReport(of comparison: Comparison, folder: String) {
        do {
            _ = try ComparisonReport(comparison, folder: folder).write()
        } catch {
            ReportingError.warn(error)
        }
    }

    private func resolvedSettings() throws -> ComparisonSettings {
        var settings = ComparisonSettings()
        (settings.configurationFile, settings.overrides) = (arguments.configurationFile, arguments.allOverrides)
        settings.seeds = try seeds.map { try ComparisonSettings.seeds(argument: $0) }
        settings.fractions = try fractions.map { try ComparisonSettings.fractions(argument: $0) }
        let own =
            try variants.map {
                try ComparisonSettings.variant(argument: $0, option: "--variant", isSingle: false)
            }
            + singleVariants.map {
                try ComparisonSettings.variant(argument: $0, option: "--single-variant", isSingle: true)
            }
        if !own.isEmpty { settings.variants = own }
        guard let scoredAt = Comparison.ScoredAt(rawValue: scoreAt) else {
            throw UsageError("--score-at is \(scoreAt); it must be last or best")
        }
        settings.scoredAt = scoredAt
        settings.keepsModels = keepModels
        return settings
    }
}
