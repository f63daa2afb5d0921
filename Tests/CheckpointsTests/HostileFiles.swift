import Foundation
import Testing

/// Holds a reader of files against many damaged ones. Each must be read or refused: no crash, no hang, no memory out of
/// proportion, and an error of our own that names the file.
///
/// `swift test` tries a few thousand files, always the same. For more, one reader at a time:
///
///     MTBERT_FUZZ=CASES[,SEED[,SECONDS]] swift test -c release --filter HostileFilesTests/safetensors
///
/// SECONDS bounds the time. A file that crashes or hangs the reader stays where the last line says. Memory is watched only
/// there, where no other test runs beside.
struct HostileFiles {
    let reader: String
    /// The name of the damaged file, which errors must hold.
    let fileName: String
    let mutator: Mutator
    var shortRun = 2000
    /// Whether an error is one that the reader promises.
    let promises: (any Error) -> Bool
    /// Reads the file at the path and uses all that it holds.
    let read: (_ path: String) throws -> Void

    /// - Parameter prepare: puts into the folder what else a reader needs there.
    func run(preparing prepare: (_ folder: String) throws -> Void = { _ in }) throws {
        let memory = FileManager.default.isWritableFile(atPath: "/dev/shm")
        let folder = (memory ? "/dev/shm" : NSTemporaryDirectory()) + "/hostile-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        // Stays where a long run crashes.
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try prepare(folder)
        let path = "\(folder)/\(fileName)"
        for sample in mutator.samples {
            try write(sample, path)
            try read(path)
        }
        let order = try LongRun(reader: reader, path: path)
        let (seed, count) = (order?.seed ?? 1, order?.cases ?? shortRun)
        let start = Date()
        var (number, whole, slowest, slowestNumber) = (0, 0, 0.0, 0)
        while number < count {
            if number % 512 == 0, let order, Date().timeIntervalSince(start) > order.seconds { break }
            let file = mutator.file(seed: seed, number: number)
            try write(file, path)
            order?.begin(number)
            let began = processorTime()
            do {
                try read(path)
                whole += 1
            } catch {
                let text = "\(error)"
                if !promises(error) || !text.contains(fileName) {
                    Issue.record("\(reader), seed \(seed), case \(number): \(type(of: error)) \(text)\n\(shown(file))")
                }
            }
            let time = processorTime() - began
            if time > slowest { (slowest, slowestNumber) = (time, number) }
            if let fault = order?.end(size: file.count) {
                Issue.record("\(reader), seed \(seed), case \(number): \(fault)\n\(shown(file))")
            }
            number += 1
        }
        // A hundred times what the largest file takes; a reader that is quadratic goes far beyond.
        #expect(slowest < 10, "\(reader), seed \(seed), case \(slowestNumber) took \(slowest) s")
        order?.finish()
        if order != nil {
            let seconds = Date().timeIntervalSince(start)
            print(
                "\(reader): \(number) cases with seed \(seed) in \(Int(seconds)) s (\(Int(Double(number) / seconds)) a second), "
                    + "\(whole) read, the slowest \(Int(slowest * 1e3)) ms (case \(slowestNumber))")
        }
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(file) }
        _ = bytes.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
    }

    private func shown(_ bytes: [UInt8]) -> String {
        let text = Data(bytes.prefix(3000)).base64EncodedString()
        return "\(bytes.count) bytes, in base64: \(text)\(bytes.count > 3000 ? "…" : "")"
    }
}

private func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// What only a long run watches: crashes and hangs, of which it tells the case, and memory.
private final class LongRun {
    let cases: Int
    let seed: UInt64
    let seconds: Double
    private var peak = 0
    private let addressSpace: rlimit

    /// What a file may take beyond its size times `factor`: tables that do not depend on it, and what the allocator keeps.
    private static let room = 64 << 20
    private static let factor = 256
    private static let resource = __rlimit_resource_t(UInt32(RLIMIT_AS.rawValue))

    /// Nil where the environment asks for no long run.
    init?(reader: String, path: String) throws {
        guard let text = ProcessInfo.processInfo.environment["MTBERT_FUZZ"] else { return nil }
        let numbers = text.split(separator: ",").map { Int($0) }
        guard (1...3).contains(numbers.count), let cases = numbers[0], !numbers.contains(nil) else {
            Issue.record("MTBERT_FUZZ is \(text); it must be CASES[,SEED[,SECONDS]]")
            return nil
        }
        self.cases = cases
        seed = numbers.count > 1 ? UInt64(numbers[1] ?? 1) : 1
        seconds = numbers.count > 2 ? Double(numbers[2] ?? 0) : .infinity
        var limit = rlimit()
        getrlimit(Self.resource, &limit)
        addressSpace = limit
        lastWords.prepare("\(reader), seed \(seed), the file is \(path), case ")
        let size = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first
        // What asks for far more than this fails, whether it would have touched it or not.
        limit.rlim_cur = rlim_t((size.flatMap { Int($0) } ?? 1 << 20) * 4096 + 1 << 30)
        setrlimit(Self.resource, &limit)
        peak = Self.peak()
    }

    func begin(_ number: Int) {
        lastWords.set(number)
        if number % 64 == 0 { alarm(60) }
    }

    func end(size: Int) -> String? {
        let now = Self.peak()
        defer { peak = max(peak, now) }
        let taken = now - peak
        return taken > Self.room + Self.factor * size ? "\(taken >> 20) MiB of memory for \(size) bytes" : nil
    }

    func finish() {
        alarm(0)
        var limit = addressSpace
        setrlimit(Self.resource, &limit)
    }

    private static func peak() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss << 10
    }
}

/// What a signal's handler may say: bytes that are ready, written by one call.
private struct LastWords: @unchecked Sendable {
    private let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1024)
    private let counts = UnsafeMutablePointer<Int>.allocate(capacity: 2)

    func prepare(_ text: String) {
        let utf8 = Array(text.utf8.prefix(900))
        _ = bytes.update(fromContentsOf: utf8)
        (counts[0], counts[1]) = (utf8.count, utf8.count)
        // A stack of its own, for when the stack itself is what has come to an end.
        var stack = stack_t(ss_sp: malloc(1 << 16), ss_flags: 0, ss_size: 1 << 16)
        sigaltstack(&stack, nil)
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGALRM] {
            var action = sigaction()
            action.sa_flags = SA_ONSTACK | Int32(bitPattern: UInt32(SA_RESETHAND))
            action.__sigaction_handler.sa_handler = { number in lastWords.say(number) }
            sigaction(signal, &action, nil)
        }
    }

    func set(_ number: Int) {
        counts[1] = counts[0]
        append(number)
    }

    private func append(_ number: Int) {
        if number >= 10 { append(number / 10) }
        bytes[counts[1]] = UInt8(0x30 + number % 10)
        counts[1] += 1
    }

    func say(_ signal: Int32) {
        let reason: StaticString = signal == SIGALRM ? "HANGS: " : "CRASHES: "
        write(2, "\n", 1)
        write(2, reason.utf8Start, reason.utf8CodeUnitCount)
        write(2, bytes.baseAddress, counts[1])
        write(2, "\n", 1)
        kill(getpid(), SIGKILL)
    }
}

private let lastWords = LastWords()
