import Foundation
import LinearAlgebra

/// What a rank finds where it runs; gathered on rank 0, which judges it.
package struct RankFacts: Sendable, Codable, Equatable {
    /// `Communicator.machine`.
    package var machine = 0
    package var usable: UsableMachine
    package var processorName = "an unknown processor"
    package var hasAVX2 = false
    package var hasAVX512 = false
    package var hasBFloat16 = false
    /// Of AVX-512 and its bfloat16, what the processor has and the program was built without.
    package var unusedInstructions: [String] = []
    /// The kernels that OpenBLAS has chosen, and what the environment asked of it before this program set it right.
    package var blasCore = ""
    package var blasCoreBefore = ""
    /// Operations a second of one thread, all ranks at it at once.
    package var peakSingle = 0.0
    package var peakBFloat16 = 0.0
    /// Bytes of /dev/shm in all and free; nil where there is none.
    package var sharedMemorySize, sharedMemoryFree: Int?
    /// `kernel.yama.ptrace_scope`; 0 where the kernel has none.
    package var traceScope = 0
    /// Whether this process has CAP_SYS_PTRACE, and a filter of system calls on it, as containers have.
    package var mayTrace = false
    package var isFiltered = false
    /// `btl_vader_single_copy_mechanism`, where the environment sets it.
    package var singleCopyMechanism: String?
    /// 0 where this rank could read a neighbour's memory, otherwise `errno`; nil without a neighbour.
    package var readError: Int32?
    /// Soft limits; nil: none.
    package var openFiles, lockedMemory, fileSize: Int?
    package var hasInfiniBand = false
    package var clockSource = ""

    /// - Parameters:
    ///   - read: the text of a file under /proc or /sys, nil where there is none.
    ///   - environment: of this process.
    package init(usable: UsableMachine, read: (String) -> String?, environment: [String: String]) {
        self.usable = usable
        let processor = UsableMachine.fields(
            (read("/proc/cpuinfo") ?? "").replacingOccurrences(of: "\t", with: ""))
        let flags = Set((processor["flags"] ?? "").split(separator: " "))
        processorName = processor["model name"] ?? processorName
        (hasAVX2, hasAVX512) = (flags.contains("avx2"), flags.contains("avx512f"))
        hasBFloat16 = flags.contains("avx512_bf16")
        unusedInstructions = ["avx512f", "avx512_bf16"].filter { name in
            flags.contains { $0 == name } && !ProcessorSetup.builtFor.contains { $0 == name }
        }
        blasCoreBefore = environment[ProcessorSetup.coreTypeBefore] ?? ""
        let status = UsableMachine.fields(read("/proc/self/status") ?? "")
        mayTrace = (UInt64(status["CapEff"] ?? "", radix: 16) ?? 0) >> 19 & 1 == 1
        isFiltered = (status["Seccomp"] ?? "0") != "0"
        traceScope = Int(Self.word(read("/proc/sys/kernel/yama/ptrace_scope"))) ?? 0
        singleCopyMechanism = environment["OMPI_MCA_btl_vader_single_copy_mechanism"]
        clockSource = Self.word(read("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
    }

    /// Of this process, now, without what needs other ranks.
    package static func inspect(machine: Int) -> RankFacts {
        var facts = RankFacts(
            usable: .inspect(), read: SystemFile.text, environment: ProcessInfo.processInfo.environment)
        facts.machine = machine
        facts.blasCore = ProcessorSetup.coreInUse
        (facts.peakSingle, facts.peakBFloat16) = (PeakRate.singlePrecision(), PeakRate.bfloat16())
        (facts.sharedMemorySize, facts.sharedMemoryFree) = (SharedMemorySpace.size, SharedMemorySpace.free)
        facts.openFiles = limit(RLIMIT_NOFILE.rawValue)
        facts.lockedMemory = limit(memoryLock)
        facts.fileSize = limit(RLIMIT_FSIZE.rawValue)
        let adapters = try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/infiniband")
        facts.hasInfiniBand = !(adapters ?? []).isEmpty
        return facts
    }

    private static func word(_ text: String?) -> String {
        (text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// RLIMIT_MEMLOCK of Linux, which Swift's headers lack.
    private static let memoryLock: UInt32 = 8

    private static func limit(_ resource: UInt32) -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource), &limit) == 0 else { return nil }
        return limit.rlim_cur >= UInt(Int.max) ? nil : Int(limit.rlim_cur)
    }
}
