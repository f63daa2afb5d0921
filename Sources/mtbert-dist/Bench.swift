import ArgumentParser
import DataParallel
import Foundation
import MPI
import TaskData
import Training

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures the speed of training on random data; also under mpirun.",
        discussion: """
            Example:
              mpirun -n 2 mtbert-dist bench --model bert-base --batch 8 --uniform 128 --json
            """)

    @Option(help: "bert-base, minilm, tiny, or the path of a config.json.")
    var model = "minilm"

    @Option(help: "Of the encoder's matrix products: fp32, bf16 or bf16-emulated.")
    var precision = "fp32"

    @Option(help: "Examples of each rank in a step.")
    var batch = 16

    @Option(help: ArgumentHelp("The length of every text, in tokens.", valueName: "len"))
    var uniform: Int?

    @Option(help: ArgumentHelp("A JSON array of lengths, used one after the other.", valueName: "file"))
    var lengths: String?

    @Option(help: "Steps to measure.")
    var steps = 6

    @Option(help: "Steps before those.")
    var warmup = 2

    @Option(help: "Canonical shards of a step.")
    var shards = 8

    @Option(help: "What decides which texts share a shard, as batch.balance does: none or tokens.")
    var balance = "none"

    @Option(help: "Shards that a rank computes at once.")
    var threads = 1

    @Option(help: "How ranks exchange: auto, shared (memory) or messages.")
    var exchange = "auto"

    @Option(help: "Seconds without progress, after which a rank is given up; 0 waits for ever.")
    var watchdog = 300

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try withRanks { communicator in
            let settings = try communicator.agreeing { try resolvedSettings() }
            let watch = try RankWatch(communicator, seconds: watchdog)
            let result = try watch.guarding { try Benchmark(settings, watch: watch).run() }
            if communicator.rank == 0 {
                print(json ? try text(of: result) : summary(of: result))
                try StandardStreams.requireOutput()
            }
            return .done
        }
    }

    func validate() throws {
        guard 0...1_000_000 ~= watchdog else {
            throw ValidationError("--watchdog is \(watchdog); it must be from 0 to 1000000")
        }
    }

    private func resolvedSettings() throws -> Benchmark.Settings {
        var settings = Benchmark.Settings()
        (settings.model, settings.batch, settings.steps, settings.warmup) = (model, batch, steps, warmup)
        (settings.shards, settings.threads) = (shards, threads)
        guard let precision = RunConfiguration.Precision(rawValue: precision) else {
            throw UsageError("--precision is \(precision); it must be fp32, bf16 or bf16-emulated")
        }
        settings.precision = precision
        settings.exchange = try ExchangeKind(argument: exchange)
        guard let balance = ShardBalance(rawValue: balance) else {
            throw UsageError("--balance is \(balance); it must be none or tokens")
        }
        settings.balance = balance
        if let lengths {
            if uniform != nil { throw UsageError("--uniform and --lengths are both given; keep one of them") }
            guard let data = FileManager.default.contents(atPath: lengths),
                let list = try? JSONDecoder().decode([Int].self, from: data)
            else {
                throw UsageError("\(lengths) is not a file with a JSON array of whole numbers")
            }
            settings.lengths = list
        } else {
            settings.lengths = [uniform ?? 128]
        }
        return settings
    }

    private func text(of result: Benchmark.Result) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(result), as: UTF8.self)
    }

    private func summary(of result: Benchmark.Result) -> String {
        func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        var lines = [
            "\(result.model), \(result.precision), \(result.worldSize) × \(result.threads) threads, "
                + "batch \(result.batch) a rank in \(result.shards) shards",
            "\(number(result.tokensPerSecond, 0)) tokens/s, \(number(result.stepMilliseconds, 1)) ms a step, "
                + "\(number(100 * result.modelFlopsUtilization, 1)) % of the peak "
                + "(\(number(result.peakFlopsPerThread / 1e9, 0)) GFLOP/s a thread)",
        ]
        for (part, seconds) in result.seconds.sorted(by: { $0.value > $1.value }) {
            lines.append("  \(part.padding(toLength: 14, withPad: " ", startingAt: 0)) \(number(1000 * seconds, 2)) ms")
        }
        return lines.joined(separator: "\n")
    }
}
