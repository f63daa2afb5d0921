import Foundation

/// What of the machine this process may use: by its processor affinity, which `mpirun` narrows where it binds ranks, by its
/// control group, and by what there is.
public struct UsableMachine: Codable, Sendable, Equatable {
    public var name: String
    /// One logical processor of each physical core that the process may run on.
    public var cores: [Int]
    /// Processors' worth of time that the control group grants; nil where it sets no limit.
    public var processorQuota: Double?
    /// Bytes that the machine has, or the control group grants where that is less.
    public var memory: Int
    /// Bytes of those that nobody has taken.
    public var availableMemory: Int

    package init(name: String, cores: [Int], processorQuota: Double?, memory: Int, availableMemory: Int) {
        self.name = name
        self.cores = cores
        self.processorQuota = processorQuota
        self.memory = memory
        self.availableMemory = availableMemory
    }

    /// Of this process, now.
    public static func inspect() -> UsableMachine {
        UsableMachine(
            name: SystemFile.text("/proc/sys/kernel/hostname")?.trimmingCharacters(in: .whitespacesAndNewlines)
                ?? "this machine", read: SystemFile.text)
    }

    /// - Parameter read: the text of a file under /proc or /sys, nil where there is none.
    package init(name: String, read: (String) -> String?) {
        self.name = name
        let status = Self.fields(read("/proc/self/status") ?? "")
        let allowed = Self.numbers(inList: status["Cpus_allowed_list"] ?? "")
        var seen: Set<String> = []
        cores = allowed.filter { processor in
            let topology = "/sys/devices/system/cpu/cpu\(processor)/topology/"
            guard let package = read(topology + "physical_package_id"), let core = read(topology + "core_id") else {
                return true
            }
            return seen.insert(package + core).inserted
        }
        if cores.isEmpty { cores = Array(0..<ProcessInfo.processInfo.activeProcessorCount) }
        let limits = ControlGroupLimits(read: read)
        processorQuota = limits.processors
        let info = Self.fields(read("/proc/meminfo") ?? "")
        let (total, available) = (Self.bytes(info["MemTotal"]), Self.bytes(info["MemAvailable"]))
        memory = min(limits.memory ?? .max, total ?? Int(clamping: ProcessInfo.processInfo.physicalMemory))
        availableMemory = min(memory, available ?? .max)
    }

    /// The lines `Name: value` of a file.
    static func fields(_ text: String) -> [String: String] {
        let pairs = text.split(separator: "\n").compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (String(line[..<colon]), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }

    /// The numbers of a list like `0-3,8`, as the kernel writes sets of processors.
    package static func numbers(inList text: String) -> [Int] {
        text.split(separator: ",").flatMap { part -> [Int] in
            let bounds = part.split(separator: "-").compactMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
            guard let first = bounds.first, let last = bounds.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    /// A number of `kB`, as /proc/meminfo has them.
    private static func bytes(_ text: String?) -> Int? {
        text?.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
    }
}

/// Lets the calling thread run on these logical processors, whatever the process is bound to; those that its control group
/// keeps from it do not count, and where none is left nothing changes (`sched_setaffinity(2)`).
package func letThisThreadRun(on processors: [Int]) {
    // A GNU extension, which Swift's module of the C library leaves out.
    typealias SetAffinity = @convention(c) (pid_t, Int, UnsafeRawPointer?) -> Int32
    guard let symbol = dlsym(nil, "sched_setaffinity") else { return }
    let setAffinity = unsafeBitCast(symbol, to: SetAffinity.self)
    let width = UInt.bitWidth
    var mask = [UInt](repeating: 0, count: (processors.max() ?? 0) / width + 1)
    for processor in processors where processor >= 0 { mask[processor / width] |= 1 << UInt(processor % width) }
    mask.withUnsafeBytes { _ = setAffinity(0, $0.count, $0.baseAddress) }
}
