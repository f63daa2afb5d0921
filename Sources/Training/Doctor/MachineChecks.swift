/// Ranks, machines and the library between them.
package struct RanksCheck: Check {
    package let topic = "ranks"
    package var placement: RankPlacement
    /// Such as "Open MPI v4.1.4".
    package var library: String
    package var shardCount: Int?
    package var validRankCounts: [Int] = []

    package init(placement: RankPlacement, library: String) { (self.placement, self.library) = (placement, library) }

    package var findings: [Finding] {
        let count = placement.machines.reduce(0) { $0 + $1.ranks }
        let ranks = placement.machines.map { "\($0.ranks) on \($0.name)" }.joined(separator: ", ")
        var findings = [ok("\(count) \(count == 1 ? "rank" : "ranks") (\(ranks)), \(library)")]
        if let shardCount, !validRankCounts.contains(count) {
            let valid = validRankCounts.map(String.init).joined(separator: ", ")
            findings.append(
                error(
                    "\(count) ranks cannot share the \(shardCount) shards of a step evenly",
                    "start \(valid) of them, or set batch.shards: auto", code: .wrongUsage))
        }
        return findings
    }
}

/// Cores, threads and memory, as a run would use them.
package struct CoresCheck: Check {
    package let topic = "cores"
    package var placement: RankPlacement
    package var threads: Int
    /// Bytes on a machine with so many ranks of so many threads.
    package var needed: @Sendable (_ ranks: Int, _ threads: Int) -> Int

    package init(
        placement: RankPlacement, threads: Int, needed: @escaping @Sendable (_ ranks: Int, _ threads: Int) -> Int
    ) {
        (self.placement, self.threads, self.needed) = (placement, threads, needed)
    }

    package var findings: [Finding] {
        var findings = placement.machines.map { machine in
            let idle = machine.cores - machine.ranks * threads
            let bound =
                machine.ranks == 1 || machine.coresPerRank == machine.cores ? "" : ", \(machine.coresPerRank) each"
            return ok(
                "\(machine.name): \(machine.cores) for \(machine.ranks) × \(threads) threads\(bound)"
                    + (idle > 0 ? ", \(idle) idle" : "") + "; up to \(sizeText(needed(machine.ranks, threads))) of "
                    + "\(sizeText(machine.availableMemory)) free memory")
        }
        findings += placement.warnings(threads: threads, needed: needed).map { warning($0.problem, $0.remedy) }
        return findings
    }
}

/// What the processor can do, and whether the libraries make use of it.
package struct ProcessorCheck: Check {
    package let topic = "processor"
    package var ranks: [RankFacts]

    package init(ranks: [RankFacts]) { self.ranks = ranks }

    package var findings: [Finding] {
        guard let first = ranks.first else { return [] }
        let features =
            [(first.hasAVX2, "AVX2"), (first.hasAVX512, "AVX-512"), (first.hasBFloat16, "bf16")].filter(\.0).map(\.1)
        let core = first.blasCore.isEmpty ? "unknown" : first.blasCore
        let before = first.blasCoreBefore
        let asked =
            before.isEmpty
            ? "its own choice, by which older versions halve the speed of newer processors"
            : before == core ? "as the environment asks" : "not \(before), as the environment asked"
        let slowest = ranks.map(\.peakSingle).min() ?? 0
        let peak =
            "\(Int(slowest / 1e9)) GFLOP/s a thread in fp32"
            + (first.hasBFloat16 ? ", \(Int((ranks.map(\.peakBFloat16).min() ?? 0) / 1e9)) in bf16" : "")
        var findings = [
            ok(
                "\(first.processorName) with \(features.isEmpty ? "none of AVX2, AVX-512, bf16" : features.joined(separator: ", ")); \(peak)"
            ),
            ok("OpenBLAS kernels for \(core)" + (before.isEmpty || before == core ? "" : " (\(asked))")),
        ]
        if !ranks.allSatisfy(\.hasAVX2) {
            findings.append(
                error(
                    "the program is made for AVX2", "run it on a newer processor, and build it there (./run.sh build)"))
        }
        if let rank = ranks.first(where: { !$0.unusedInstructions.isEmpty }) {
            findings.append(
                warning(
                    "the program was built without \(rank.unusedInstructions.joined(separator: ", ")), which the processor of "
                        + "\(rank.usable.name) has",
                    "delete .build and run ./run.sh build there; where machines differ, build on the oldest"))
        }
        let isLate = ["haswell", "zen", "sandybridge", "nehalem", "prescott"].contains(core.lowercased())
        if first.hasAVX512, isLate {
            findings.append(
                warning(
                    "OpenBLAS uses \(core) kernels on a processor with AVX-512",
                    "unset OPENBLAS_CORETYPE and MTBERT_KEEP_CORETYPE"))
        }
        if Set(ranks.map(\.processorName)).count > 1 {
            findings.append(
                warning(
                    "the machines have different processors: the same bits are promised on one type only",
                    "choose machines of one type where the result shall be reproducible"))
        }
        if let fastest = ranks.map(\.peakSingle).max(), slowest < 0.7 * fastest,
            let rank = ranks.firstIndex(where: { $0.peakSingle == slowest })
        {
            findings.append(
                warning(
                    "rank \(rank) on \(ranks[rank].usable.name) reaches \(Int(100 * slowest / fastest)) % of the fastest rank: all "
                        + "wait for the slowest", "look for other work on its cores, or for two ranks on one of them"))
        }
        return findings
    }
}

/// Limits of processes, and the clock.
package struct LimitsCheck: Check {
    package let topic = "limits"
    package var ranks: [RankFacts]
    /// The largest file of a checkpoint.
    package var largestFile: Int

    package init(ranks: [RankFacts], largestFile: Int) { (self.ranks, self.largestFile) = (ranks, largestFile) }

    package var findings: [Finding] {
        func least(_ value: KeyPath<RankFacts, Int?>) -> Int? { ranks.compactMap { $0[keyPath: value] }.min() }
        func text(_ value: Int?) -> String { value.map(String.init) ?? "unlimited" }
        var findings: [Finding] = []
        // Each rank holds a few files, and between machines a socket for each other rank.
        let files = 128 + 2 * ranks.count
        if let open = least(\.openFiles), open < files {
            findings.append(
                warning("only \(open) files may be open in a process; about \(files) are needed", "ulimit -n \(files)"))
        }
        if let size = least(\.fileSize), size < largestFile {
            findings.append(
                error(
                    "no file may be larger than \(sizeText(size)), and a checkpoint has one of \(sizeText(largestFile))",
                    "ulimit -f unlimited"))
        }
        let isFar = Set(ranks.map(\.machine)).count > 1
        if isFar, ranks.contains(where: \.hasInfiniBand), let locked = least(\.lockedMemory), locked < 1 << 30 {
            findings.append(
                warning(
                    "only \(sizeText(locked)) of memory may be locked, which InfiniBand needs for its buffers",
                    "ulimit -l unlimited, or memlock in /etc/security/limits.conf"))
        }
        if let slow = ranks.first(where: { ["hpet", "acpi_pm", "jiffies"].contains($0.clockSource) }) {
            findings.append(
                warning(
                    "\(slow.usable.name) takes the time from \(slow.clockSource), which is slow to read",
                    "choose tsc where the kernel trusts it: \(Self.clockFile)"))
        }
        findings.insert(
            ok(
                "open files \(text(least(\.openFiles))), locked memory \(least(\.lockedMemory).map(sizeText) ?? "unlimited")"
            ), at: 0)
        return findings
    }

    private static let clockFile = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
}
