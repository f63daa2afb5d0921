import ArgumentParser
import Foundation
import LinearAlgebra
import MPI
import Training

@main
struct MultiTaskTrainer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mtbert-dist",
        abstract: "Fine-tunes one BERT encoder on several sentiment tasks at once, data-parallel over MPI ranks.",
        discussion: """
            Without a subcommand it trains; without a configuration it trains a demonstration that needs no files:

              mpirun -n 8 mtbert-dist
              mpirun -n 4 mtbert-dist train Configs/reviews.yaml --set epochs=1

            The result is the same to the last bit on any number of ranks, and behind any number of stops and resumes.

            Exit codes: 0 done, 64 wrong usage or configuration, 65 data, model or checkpoint that cannot be used, 70 internal \
            failure, 75 stopped early: the same command goes on from the last checkpoint. Under mpirun 128 + n: a rank was ended by signal n.
            """,
        version: programVersion,
        subcommands: [
            Train.self, Compare.self, Evaluate.self, Predict.self, Report.self, Inspect.self, Tokenize.self,
            Export.self, Bench.self, Examine.self,
        ],
        defaultSubcommand: Train.self)

    static func main() {
        StandardStreams.occupy()
        LostMemory.catchSignal()
        refuseAnotherProcessor()
        ProcessorSetup.restartWithSettings()
        do {
            try requireCommand(CommandLine.arguments.dropFirst().first)
            var command = try parseAsRoot()
            try command.run()
        } catch let end as RunEnded {
            Foundation.exit(end.code.rawValue)
        } catch {
            endOnce(error)
        }
    }

    /// Without a subcommand the first word is a configuration: says of one that is no file either which subcommand may be meant.
    private static func requireCommand(_ word: String?) throws {
        let names = configuration.subcommands.compactMap { $0._commandName } + ["help"]
        guard let word, !word.hasPrefix("-"), !word.contains(where: { "./".contains($0) }), !names.contains(word),
            !FileManager.default.fileExists(atPath: word), let nearest = nearestName(to: word, among: names)
        else { return }
        throw ValidationError("\(word) is neither a subcommand nor a file; the nearest subcommand is \(nearest)")
    }

    /// Ends the program with a sentence where it would be ended by a signal: it was built on a newer processor.
    private static func refuseAnotherProcessor() {
        let missing = ProcessorSetup.missingInstructions()
        guard !missing.isEmpty else { return }
        // Once a machine.
        if ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_LOCAL_RANK"] ?? "0" == "0" {
            complain(
                "this program was built for a processor with \(missing.joined(separator: ", ")), which that of "
                    + "\(ProcessInfo.processInfo.hostName) lacks; delete .build and run ./run.sh build here, or on the oldest "
                    + "of several machines")
        }
        Foundation.exit(Training.ExitCode.failure.rawValue)
    }

    /// Prints help, or what is wrong with the command line: once, though every rank has the same one.
    private static func endOnce(_ error: any Error) -> Never {
        let watch = StartWatch()
        guard World.isLaunched, let communicator = try? World.join() else { exit(withError: error) }
        watch.end()
        let code = exitCode(for: error)
        if communicator.rank == 0 {
            let stream = code.isSuccess ? FileHandle.standardOutput : .standardError
            stream.write(Data((fullMessage(for: error) + "\n").utf8))
        }
        try? communicator.finalize()
        Foundation.exit(code.rawValue)
    }
}

/// A command has said all there is to say and ends the program with this code.
struct RunEnded: Error {
    let code: Training.ExitCode
}

/// Runs a command's work on every rank: an error that all ranks know of is printed once, by rank 0, and ends them together;
/// any other is printed by the rank that has it, and ends all ranks at once.
func withRanks(_ body: (any Communicator) throws -> Training.ExitCode) throws {
    let communicator: any Communicator
    do {
        let watch = StartWatch()
        defer { watch.end() }
        communicator = try World.join()
    } catch {
        complain("\(error)")
        throw RunEnded(code: .failure)
    }
    do {
        let code = try body(communicator)
        try communicator.finalize()
        throw RunEnded(code: code)
    } catch let end as RunEnded {
        throw end
    } catch let failure as AgreedFailure {
        if communicator.rank == 0 { failure.code == .stopped ? remark("\(failure)") : complain("\(failure)") }
        try? communicator.finalize()
        throw RunEnded(code: failure.code)
    } catch {
        let place = communicator.size > 1 ? "rank \(communicator.rank): " : ""
        complain(place + "\(error)")
        communicator.abort(code: Training.ExitCode(error).rawValue)
    }
}
