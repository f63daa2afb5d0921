import ArgumentParser
import Training

/// What every command that trains takes: a configuration, and what is laid over it.
struct RunArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "YAML file with model, tasks and settings; without one, the demonstration.", valueName: "config"))
    var configurationFile: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp(
            "Overrides a key: --set epochs=1 --set tasks.books.limit=100 --set 'tasks.*.limit=100'.",
            valueName: "key.path=value"))
    var overrides: [String] = []

    @Option(help: ArgumentHelp("The folder of the results; the same as --set output=….", valueName: "dir"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Stop after a checkpoint when this time is up; the same as --set time_limit=….", valueName: "hh:mm:ss"))
    var timeLimit: String?

    @Option(
        help: ArgumentHelp(
            "Shares of a run's shards that a rank computes at once, each on a thread of its own; auto: as many as cores and "
                + "memory allow. The result is the same.",
            valueName: "auto|number"))
    var threads = "auto"

    /// All that is laid over the configuration, in the form of `--set`.
    var allOverrides: [String] { overrides + literalOverrides([("output", output), ("time_limit", timeLimit)]) }
}

/// Options that stand for keys, in the form of `--set`; their values mean what they say, whatever YAML would make of them.
func literalOverrides(_ options: [(key: String, value: String?)]) -> [String] {
    options.compactMap { key, value in value.map { "\(key)=\(quoted($0))" } }
}
