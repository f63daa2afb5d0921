import Foundation

/// Runs the built program as a user does, alone or under `mpirun`, and never waits for ever.
struct Program {
    /// What a process left behind.
    struct Outcome: CustomStringConvertible {
        let command: String
        /// The exit code; 128 and the signal's number where one ended it.
        let code: Int32
        let output: String
        let errors: String
        let seconds: Double
        let isTimedOut: Bool

        /// The lines in which the program says what is wrong.
        var errorLines: [String] { errors.split(separator: "\n").map(String.init).filter { $0.contains("error: ") } }

        /// All of it, for the message of a failed expectation.
        var description: String {
            let end = isTimedOut ? "was killed after \(seconds) s" : "ended with \(code) after \(seconds) s"
            return "\(command)\n\(end)\n--- standard output\n\(output)\n--- standard error\n\(errors)"
        }
    }

    /// There is no program, or it cannot be started.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Beside the test bundle; otherwise in the package's release folder.
    static func path() throws -> String {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let places = [(bundle as NSString).deletingLastPathComponent, package + "/.build/release"]
        let candidates = places.map { $0 + "/mtbert-dist" }
        if let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) { return found }
        throw Failure(
            description: "the built program is not at \(candidates.joined(separator: " nor at ")): "
                + "run swift build -c release first")
    }

    /// Runs it to its end.
    ///
    /// - Parameters:
    ///   - ranks: 1 starts the program by itself, more start it under `mpirun`.
    ///   - input: what stands in its standard input.
    ///   - fault: what shall go wrong, as the program takes it from `MTBERT_FAULT`.
    ///   - limit: seconds, see `waits`, after which every process of it is killed.
    static func run(
        _ arguments: [String], ranks: Int = 1, input: String = "", fault: String? = nil, limit: Double = 60
    ) async throws -> Outcome {
        try await start(arguments, ranks: ranks, input: input, fault: fault).end(limit: limit)
    }

    /// - Parameters:
    ///   - isDeaf: whether it inherits blocked signals, as from a launcher with threads.
    ///   - isLaunched: whether one rank is started by `mpirun` too.
    static func start(
        _ arguments: [String], ranks: Int = 1, input: String = "", fault: String? = nil, isDeaf: Bool = false,
        isLaunched: Bool = false
    ) throws -> RunningProgram {
        let program = try path()
        guard ranks > 1 || isLaunched else {
            return try RunningProgram(program, arguments, input: input, fault: fault, isDeaf: isDeaf)
        }
        let launcher = ["--quiet", "-n", "\(ranks)", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1"]
        return try RunningProgram(
            "/usr/bin/env", ["mpirun"] + launcher + ["--bind-to", "none", program] + arguments, input: input,
            fault: fault)
    }
}

/// A program that was started, with its standard streams in files.
final class RunningProgram {
    private let process = Process()
    private let folder: String
    private let command: String
    private let began = Date()

    init(
        _ executable: String, _ arguments: [String], input: String = "", fault: String? = nil, isDeaf: Bool = false
    ) throws {
        // Short: the paths of sockets in it are limited to 107 bytes.
        folder = NSTemporaryDirectory() + "mtbert-" + UUID().uuidString.prefix(8)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try input.write(toFile: folder + "/in", atomically: false, encoding: .utf8)
        for name in ["out", "err"] { try Data().write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
        command = ([executable] + arguments).joined(separator: " ")
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = environment.merging(fault.map { ["MTBERT_FAULT": $0] } ?? [:]) { $1 }
        process.standardInput = FileHandle(forReadingAtPath: folder + "/in")
        process.standardOutput = FileHandle(forWritingAtPath: folder + "/out")
        process.standardError = FileHandle(forWritingAtPath: folder + "/err")
        // The process inherits the mask of this thread, on which the tests' runtime may have blocked every signal.
        var (wanted, before) = (sigset_t(), sigset_t())
        _ = isDeaf ? sigfillset(&wanted) : sigemptyset(&wanted)
        pthread_sigmask(SIG_SETMASK, &wanted, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try process.run()
    }

    deinit {
        killTree()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// The tests' own, without what tells a process that MPI started it. What MPI would leave behind of a killed run is
    /// kept in the folder.
    private var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        for name in environment.keys where ["OMPI_", "PMIX_", "PMI_", "ORTE_"].contains(where: name.hasPrefix) {
            if name != "OMPI_MCA_btl_vader_single_copy_mechanism" { environment[name] = nil }
        }
        for name in ["orte_tmpdir_base", "btl_vader_backing_directory"] { environment["OMPI_MCA_" + name] = folder }
        // No test asks a hub, or writes into the user's cache.
        (environment["HF_HOME"], environment["HF_HUB_OFFLINE"]) = (folder + "/hub", "1")
        environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
        environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
        return environment
    }

    var isRunning: Bool { process.isRunning }
    var identifier: Int32 { process.processIdentifier }

    /// What Open MPI left in the folder of its files.
    var leftovers: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { !["in", "out", "err"].contains($0) }
    }

    /// Waits until the process has ended; behind the limit, see `waits`, it is killed with all its descendants.
    func end(limit: Double) async throws -> Program.Outcome {
        let isTimedOut = try await !waits(limit: limit) { !self.process.isRunning }
        if isTimedOut { killTree() }
        process.waitUntilExit()
        let isSignal = process.terminationReason == .uncaughtSignal
        return Program.Outcome(
            command: command, code: (isSignal ? 128 : 0) + process.terminationStatus, output: text("out"),
            errors: text("err"), seconds: Date().timeIntervalSince(began), isTimedOut: isTimedOut)
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: "\(folder)/\(name)") ?? Data(), as: UTF8.self)
    }

    /// SIGKILL to the process and all its descendants, as when a machine loses its power: nobody gets to say good-bye.
    /// (`mpirun` gives each rank a process group of its own, so that one signal to a group would not do.)
    func killTree() {
        guard process.isRunning else { return }
        kill(identifier, SIGSTOP)
        for child in descendants().reversed() { kill(child, SIGKILL) }
        kill(identifier, SIGKILL)
    }

    /// The processes that it started, and theirs, parents first.
    func descendants() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var children: [Int32: [Int32]] = [:]
        for child in names.compactMap(Int32.init) {
            // The parent is the second field behind the parenthesised name.
            guard let data = FileManager.default.contents(atPath: "/proc/\(child)/stat"),
                let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " "),
                fields.count > 1, let parent = Int32(fields[1])
            else { continue }
            children[parent, default: []].append(child)
        }
        var found: [Int32] = []
        var open = [identifier]
        while let next = open.popLast() {
            let own = children[next] ?? []
            found += own
            open += own
        }
        return found
    }
}

/// How many processes have a text in their command line.
func processCount(with text: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.count { name in
        guard Int32(name) != nil, let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
            return false
        }
        return String(decoding: line, as: UTF8.self).contains(text)
    }
}

/// Waits until `condition` holds.
///
/// - Parameter limit: seconds on a machine with nothing else to do; on a busy one it may take four times as long.
/// - Returns: false where it did not hold in time.
func waits(limit: Double, until condition: () -> Bool) async throws -> Bool {
    let deadline = Date().addingTimeInterval(4 * limit)
    while !condition() {
        if Date() > deadline { return false }
        try await Task.sleep(for: .milliseconds(10))
    }
    return true
}
