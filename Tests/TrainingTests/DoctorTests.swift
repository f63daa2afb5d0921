import Foundation
import Testing
import Training

/// Made-up machines, looked over.
@Suite struct DoctorTests {
    private static let files = [
        "/proc/cpuinfo":
            "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 avx512f avx512_bf16\n\nprocessor\t: 1\n",
        "/proc/self/status": "Name:\tx\nCapEff:\t00000000a80425fb\nSeccomp:\t2\nCpus_allowed_list:\t0-1\n",
        "/proc/sys/kernel/yama/ptrace_scope": "1\n",
        "/sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    ]

    static func facts(_ change: (inout RankFacts) -> Void = { _ in }) -> RankFacts {
        let usable = UsableMachine(
            name: "node7", cores: [0, 1], processorQuota: nil, memory: 8 << 30, availableMemory: 4 << 30)
        var facts = RankFacts(
            usable: usable, read: { files[$0] }, environment: ["MTBERT_CORETYPE_BEFORE": "Haswell"])
        (facts.blasCore, facts.peakSingle, facts.peakBFloat16) = ("Cooperlake", 2e11, 4e11)
        facts.unusedInstructions = []
        change(&facts)
        return facts
    }

    private func levels(_ check: some Check) -> [Finding.Level] { check.findings.map(\.level) }

    private func text(_ check: some Check) -> String {
        check.findings.map { "\($0.level.rawValue): \($0.text)" + ($0.remedy.map { " — \($0)" } ?? "") }.joined(
            separator: "\n")
    }

    @Test func factsAreReadFromWhatLinuxSays() {
        let facts = Self.facts()
        #expect(facts.processorName == "Some CPU" && facts.hasAVX2 && facts.hasAVX512 && facts.hasBFloat16)
        #expect(facts.traceScope == 1 && !facts.mayTrace && facts.isFiltered && facts.clockSource == "tsc")
        let empty = RankFacts(usable: facts.usable, read: { _ in nil }, environment: [:])
        #expect(!empty.hasAVX2 && empty.traceScope == 0 && !empty.mayTrace && !empty.isFiltered)
        let root = RankFacts(usable: facts.usable, read: { _ in "CapEff:\t000001ffffffffff" }, environment: [:])
        #expect(root.mayTrace)
    }

    @Test func processors() {
        #expect(
            text(ProcessorCheck(ranks: [Self.facts()])) == """
                ok: Some CPU with AVX2, AVX-512, bf16; 200 GFLOP/s a thread in fp32, 400 in bf16
                ok: OpenBLAS kernels for Cooperlake (not Haswell, as the environment asked)
                """)
        #expect(levels(ProcessorCheck(ranks: [Self.facts { $0.hasAVX2 = false }])) == [.ok, .ok, .error])
        let old = ProcessorCheck(ranks: [Self.facts { $0.blasCore = "Haswell" }])
        #expect(old.findings.last?.text == "OpenBLAS uses Haswell kernels on a processor with AVX-512")
        let early = ProcessorCheck(ranks: [Self.facts(), Self.facts { $0.unusedInstructions = ["avx512f"] }])
        #expect(
            early.findings.last?.text == "the program was built without avx512f, which the processor of node7 has")
        let mixed = ProcessorCheck(ranks: [Self.facts(), Self.facts { $0.processorName = "Another" }])
        #expect(levels(mixed) == [.ok, .ok, .warning])
        let slow = ProcessorCheck(ranks: [Self.facts(), Self.facts { $0.peakSingle = 1e11 }])
        #expect(slow.findings.last?.text.hasPrefix("rank 1 on node7 reaches 50 % of the fastest rank") == true)
        #expect(levels(ProcessorCheck(ranks: [])) == [])
    }

    @Test func coresAndMemory() {
        let reports = (0..<2).map { _ in RankPlacement.Report(machine: 0, usable: Self.facts().usable) }
        let placement = RankPlacement(reports)
        #expect(levels(CoresCheck(placement: placement, threads: 1) { ranks, _ in ranks << 30 }) == [.ok])
        let full = CoresCheck(placement: placement, threads: 2) { ranks, threads in ranks * threads << 30 }
        #expect(levels(full) == [.ok, .warning])
        #expect(full.findings[1].remedy?.contains("--threads 1") == true)
        let small = CoresCheck(placement: placement, threads: 1) { ranks, _ in ranks << 32 }
        #expect(levels(small) == [.ok, .warning])
        #expect(small.findings[1].text.contains("8.6 GB may be needed"))
    }

    @Test func ranks() {
        let placement = RankPlacement([.init(machine: 0, usable: Self.facts().usable)])
        var check = RanksCheck(placement: placement, library: "Open MPI v4.1.4")
        #expect(text(check) == "ok: 1 rank (1 on node7), Open MPI v4.1.4")
        (check.shardCount, check.validRankCounts) = (6, [3, 6])
        #expect(levels(check) == [.ok, .error] && Finding.exitCode(of: check.findings) == .wrongUsage)
    }

    @Test func sharedMemory() {
        func check(free: Int?, machines: [Int] = [0, 0], needed: Int = 1 << 30) -> String {
            text(
                SharedMemoryCheck(
                    ranks: machines.map { machine in
                        Self.facts { ($0.machine, $0.sharedMemoryFree, $0.sharedMemorySize) = (machine, free, free) }
                    }, needed: needed))
        }
        #expect(check(free: nil, machines: [0]) == "ok: not needed by one rank")
        #expect(check(free: nil, machines: [0, 1]).hasPrefix("ok: not needed: ranks on several"))
        #expect(
            check(free: 64_000_000).hasPrefix(
                "warning: 64 MB of 64 MB are free, and 1.1 GB are needed: ranks send messages"))
        #expect(check(free: 64_000_000).contains("--shm-size=2g"))
        #expect(check(free: 3 << 30) == "ok: 3.2 GB of 3.2 GB are free, 1.1 GB are needed")
        #expect(check(free: nil).hasPrefix("warning: there is none"))
    }

    @Test func singleCopies() {
        func check(_ change: (inout RankFacts) -> Void) -> Finding {
            SingleCopyCheck(ranks: [Self.facts(change), Self.facts(change)]).findings[0]
        }
        #expect(check { _ in }.text == "not needed: no machine has two ranks")
        #expect(check { $0.readError = 0 }.level == .ok)
        #expect(check { $0.readError = EPERM }.text.contains("kernel.yama.ptrace_scope is 1"))
        #expect(check { ($0.readError, $0.traceScope) = (EPERM, 0) }.text.contains("a filter of system calls"))
        #expect(
            check { ($0.readError, $0.traceScope, $0.isFiltered) = (EPERM, 0, false) }.text.contains("different users"))
        #expect(check { $0.readError = EPERM }.remedy?.contains("btl_vader_single_copy_mechanism none") == true)
        #expect(check { ($0.readError, $0.singleCopyMechanism) = (EPERM, "none") }.level == .ok)
    }

    @Test func exchange() {
        let near = ExchangeSpeed(bandwidth: 2e9, latency: 1e-6, sharedBandwidth: 1e10)
        #expect(
            text(ExchangeSpeedCheck(speed: near, gradient: 100_000_000, areFar: false))
                == "ok: messages 2.0 GB/s a rank and 1 µs, shared memory 10.0 GB/s; some 20 ms of each step")
        let far = ExchangeSpeed(bandwidth: 1e8, latency: 5e-3)
        #expect(levels(ExchangeSpeedCheck(speed: far, gradient: nil, areFar: true)) == [.ok, .warning, .warning])
        #expect(
            text(ExchangeSpeedCheck(speed: ExchangeSpeed(), gradient: 1, areFar: false))
                == "ok: nothing to exchange with one rank")
    }

    @Test func limits() {
        func check(_ change: (inout RankFacts) -> Void) -> [Finding.Level] {
            levels(LimitsCheck(ranks: [Self.facts(change), Self.facts { $0.machine = 1 }], largestFile: 1 << 30))
        }
        #expect(check { _ in } == [.ok])
        #expect(check { $0.openFiles = 64 } == [.ok, .warning])
        #expect(check { $0.fileSize = 1 << 20 } == [.ok, .error])
        #expect(check { $0.lockedMemory = 64 << 10 } == [.ok])
        #expect(check { ($0.lockedMemory, $0.hasInfiniBand) = (64 << 10, true) } == [.ok, .warning])
        #expect(check { $0.clockSource = "hpet" } == [.ok, .warning])
    }

    @Test func disks() throws {
        var check = DiskCheck(folder: "/x", checkpoint: 1_000_000_000, count: 5)
        (check.free, check.syncSeconds) = (6_000_000_000, 0.02)
        #expect(
            text(check) == """
                ok: 6.0 GB free at /x, 5 checkpoints of 1.0 GB take 5.0 GB
                ok: 20 ms until the disk has 4 MB for sure
                """)
        check.free = 3_000_000_000
        #expect(levels(check) == [.warning, .ok])
        (check.free, check.syncSeconds) = (1_500_000_000, 9)
        #expect(levels(check) == [.error, .warning])
        check.syncSeconds = nil
        check.reason = "Read-only file system"
        #expect(Finding.exitCode(of: check.findings) == .wrongUsage)
    }

    @Test func aFolderThatIsToComeIsLookedAtWithoutBeingMade() throws {
        let folder = NSTemporaryDirectory() + "doctor-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var check = DiskCheck(folder: folder + "/runs/mine", checkpoint: 1, count: 1)
        check.examine()
        #expect(check.folder == folder && levels(check) == [.ok, .ok])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }
}
