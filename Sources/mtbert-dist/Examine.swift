import ArgumentParser
import Foundation
import Training

struct Examine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks over machines, libraries and files before a run, and says what would help; also under mpirun.",
        discussion: """
            Examples:
              mtbert-dist doctor
              mpirun -n 4 mtbert-dist doctor my/run.yaml

            Each line is ok, a warning (a run works, but slower or less safely) or an error (a run would fail), with what to \
            do about it. Exit code 0 where there is no error, otherwise the one that a run would end with. Nothing is trained.
            """)

    @Argument(help: ArgumentHelp("The configuration; without one, the demonstration.", valueName: "config"))
    var configurationFile: String?

    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Overrides a key of the configuration, as for train.", valueName: "key.path=value"))
    var overrides: [String] = []

    @Option(help: ArgumentHelp("The run folder; the same as --set output=….", valueName: "dir"))
    var output: String?

    @Option(help: ArgumentHelp("Threads of a rank, as for train.", valueName: "auto|number"))
    var threads = "auto"

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try withRanks { communicator in
            let configuration = try communicator.agreeing { try resolvedConfiguration() }
            let count = try communicator.agreeing { try ThreadCount(argument: threads) }
            // Where a rank is dead or stopped, the others say so soon.
            let watch = try RankWatch(communicator, seconds: 20)
            return try watch.guarding {
                let doctor = Doctor(configuration, threads: count, watch: watch)
                let findings = try doctor.run()
                if communicator.rank == 0 {
                    print(json ? try jsonText(findings) : text(findings))
                    try StandardStreams.requireOutput()
                }
                let code = try watch.communicator.allGather(Finding.exitCode(of: findings).rawValue)[0]
                return ExitCode(rawValue: code) ?? .failure
            }
        }
    }

    private func resolvedConfiguration() throws -> RunConfiguration {
        let all = overrides + literalOverrides([("output", output)])
        if let configurationFile { return try RunConfiguration(contentsOf: configurationFile, overrides: all) }
        return try RunConfiguration(demonstrationWith: all)
    }

    private func text(_ findings: [Finding]) -> String {
        let width = findings.map(\.check.count).max() ?? 0
        var lines = findings.map { finding in
            let start = "\(padded(finding.level.rawValue, 7))  \(padded(finding.check, width))  "
            let rest = finding.text.replacingOccurrences(
                of: "\n", with: "\n" + String(repeating: " ", count: width + 11))
            return start + rest + (finding.remedy.map { " — \($0)" } ?? "")
        }
        func count(_ level: Finding.Level, _ name: String) -> String {
            let count = findings.count { $0.level == level }
            return "\(count == 0 ? "no" : String(count)) \(name)\(count == 1 ? "" : "s")"
        }
        lines.append("\(count(.error, "error")), \(count(.warning, "warning"))")
        return harmless(lines.joined(separator: "\n"))
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func jsonText(_ findings: [Finding]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(["findings": findings]), as: UTF8.self)
    }
}
