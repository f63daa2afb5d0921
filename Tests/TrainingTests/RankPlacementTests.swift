import MPI
import Testing
import Training

@Suite struct RankPlacementTests {
    /// The ranks of one machine, each with the cores that it may use.
    private static func ranks(_ cores: [[Int]], machine: Int = 0, quota: Double? = nil, memory: Int = 64_000_000_000)
        -> [RankPlacement.Report]
    {
        cores.map {
            .init(
                machine: machine,
                usable: UsableMachine(
                    name: "node\(machine)", cores: $0, processorQuota: quota, memory: memory, availableMemory: memory))
        }
    }

    private static func ranks(_ count: Int, sharing cores: Int, quota: Double? = nil) -> RankPlacement {
        RankPlacement(ranks(Array(repeating: Array(0..<cores), count: count), quota: quota))
    }

    private func threads(_ placement: RankPlacement, valid: [Int] = [1, 2, 4, 8]) -> Int {
        placement.threads(valid: valid) { _, _ in 0 }
    }

    /// Ranks, cores that all of them may use, valid numbers of threads, and what comes out.
    @Test(arguments: [
        (1, 8, [1, 2, 4, 8], 8), (1, 6, [1, 2, 4, 8], 4), (2, 8, [1, 2, 4], 4), (8, 2, [1], 1), (4, 8, [1, 2], 2),
        (3, 8, [1], 1), (1, 12, [1, 3, 6, 12], 12), (2, 12, [1, 3, 6], 6), (1, 1, [1, 2, 4, 8], 1),
    ]) func threadsFillTheCores(ranks: Int, cores: Int, valid: [Int], expected: Int) {
        #expect(threads(Self.ranks(ranks, sharing: cores), valid: valid) == expected)
    }

    @Test func quotaAndBindingNarrow() {
        #expect(threads(Self.ranks(2, sharing: 16, quota: 4.5)) == 2)
        #expect(threads(Self.ranks(1, sharing: 16, quota: 0.5)) == 1)
        #expect(threads(RankPlacement(Self.ranks([[0, 1], [2, 3]]))) == 2)
        #expect(threads(RankPlacement(Self.ranks([[0], [1]]))) == 1)
        // Cores of one rank only are none of the other's.
        #expect(threads(RankPlacement(Self.ranks([[0], [1, 2, 3]]))) == 1)
    }

    @Test func theNarrowestMachineDecides() {
        let wide = Self.ranks([Array(0..<8)], machine: 0)
        let narrow = Self.ranks([Array(0..<4), Array(0..<4)], machine: 1)
        let placement = RankPlacement(narrow + wide)
        #expect(placement.machines.map(\.name) == ["node0", "node1"])
        #expect(placement.machines.map(\.ranks) == [1, 2])
        #expect(placement.machines.map(\.coresPerRank) == [8, 2])
        #expect(RankPlacement(Self.ranks([[5], [1, 3], [3]])).machines[0].processors == [1, 3, 5])
        #expect(threads(placement) == 2)
        #expect(placement.description == "2 machines (12 cores, 128 GB)")
    }

    @Test func memoryLimitsThreads() {
        let placement = Self.ranks(2, sharing: 16)
        let need = { (ranks: Int, threads: Int) in ranks * threads * 10_000_000_000 }
        #expect(placement.threads(valid: [1, 2, 4, 8], needed: need) == 2)
        #expect(placement.threads(valid: [1, 2], needed: { _, _ in .max }) == 1)
        #expect(placement.warnings(threads: 2, needed: need).isEmpty)
        #expect(
            placement.warnings(threads: 4, needed: need).map(\.description)
                == ["node0 has 64 GB of memory free, and up to 80 GB may be needed; use --threads 1"])
        #expect(
            placement.warnings(threads: 1, needed: { _, _ in 70_000_000_000 })[0].remedy == "start fewer ranks on it")
    }

    @Test func descriptionOfOneMachine() {
        #expect(Self.ranks(2, sharing: 2).description == "node0 (2 cores, 64 GB)")
        #expect(RankPlacement(Self.ranks([[3]], memory: 2_500_000_000)).description == "node0 (1 core, 2.5 GB)")
    }

    @Test func warnsWhereThereAreTooFewCores() {
        func warnings(_ placement: RankPlacement, _ threads: Int) -> [String] {
            placement.warnings(threads: threads) { _, _ in 0 }.map(\.description)
        }
        #expect(warnings(Self.ranks(2, sharing: 4), 2).isEmpty)
        #expect(
            warnings(Self.ranks(8, sharing: 2), 1)
                == ["8 ranks × 1 thread on node0 have only 2 cores and wait for each other; start at most 2 on it"])
        #expect(
            warnings(Self.ranks(1, sharing: 1), 4)
                == ["1 rank × 4 threads on node0 have only 1 core and wait for each other; use --threads 1"])
        #expect(warnings(RankPlacement(Self.ranks([[0], [1, 2, 3]])), 2)[0].hasSuffix("--map-by slot:PE=2"))
    }

    @Test func alone() throws {
        let placement = try RankPlacement(SingleProcess())
        #expect(placement.machines.count == 1 && placement.machines[0].ranks == 1)
    }
}
