import Foundation
import MPI

/// Where the ranks of a run are, and what each machine has for them.
public struct RankPlacement: Sendable, Equatable {
    /// One machine and the ranks on it.
    public struct Machine: Sendable, Equatable {
        public var name: String
        public var ranks: Int
        /// One logical processor of each physical core that any of its ranks may run on, ascending.
        public var processors: [Int]
        /// Physical cores that its ranks together may use, no more than the control group's time allows.
        public var cores: Int
        /// Cores that each rank may use: what it is bound to, or its share of those that ranks have in common.
        public var coresPerRank: Int
        /// Bytes.
        public var memory: Int
        public var availableMemory: Int

        fileprivate func hasCores(threads: Int) -> Bool { ranks * threads <= cores && threads <= coresPerRank }
    }

    /// In the order of their lowest ranks.
    public var machines: [Machine]

    /// Collective: the same on every rank.
    public init(_ communicator: any Communicator) throws {
        let own = Report(machine: communicator.machine, usable: .inspect())
        let reports = try communicator.allGatherVariable(Array(try JSONEncoder().encode(own)))
        self.init(try reports.map { try JSONDecoder().decode(Report.self, from: Data($0)) })
    }

    /// What a rank tells of itself.
    package struct Report: Codable {
        /// `Communicator.machine`.
        var machine: Int
        var usable: UsableMachine

        package init(machine: Int, usable: UsableMachine) {
            self.machine = machine
            self.usable = usable
        }
    }

    package init(_ reports: [Report]) {
        machines = Dictionary(grouping: reports, by: \.machine).sorted { $0.key < $1.key }.map { _, ranks in
            let quota = ranks.compactMap(\.usable.processorQuota).min().map { max(1, Int($0)) } ?? .max
            let processors = Set(ranks.flatMap(\.usable.cores)).sorted()
            let cores = min(processors.count, quota)
            let narrowest = ranks.map(\.usable.cores.count).min() ?? 1
            return Machine(
                name: ranks[0].usable.name, ranks: ranks.count, processors: processors, cores: cores,
                coresPerRank: max(1, min(narrowest, cores / ranks.count)),
                memory: ranks.map(\.usable.memory).min() ?? 0,
                availableMemory: ranks.map(\.usable.availableMemory).min() ?? 0)
        }
    }

    /// The number of threads for each rank: as many as the cores allow on the machine with the fewest for each, of the numbers
    /// that are valid, and whose memory is there; at least the smallest.
    ///
    /// - Parameters:
    ///   - valid: ascending.
    ///   - needed: bytes on a machine with so many ranks of so many threads.
    package func threads(valid: [Int], needed: (_ ranks: Int, _ threads: Int) -> Int) -> Int {
        valid.last { threads in
            machines.allSatisfy {
                threads <= $0.coresPerRank && needed($0.ranks, threads) <= $0.availableMemory
            }
        } ?? valid[0]
    }

    /// Whether every lane of so many a rank has a core of its own.
    func hasCores(threads: Int) -> Bool {
        machines.allSatisfy { $0.hasCores(threads: threads) }
    }

    /// Such as `host (2 cores, 24 GB)`.
    public var description: String {
        let cores = machines.reduce(0) { $0 + $1.cores }
        let memory = machines.reduce(0) { $0 + $1.memory }
        let place = machines.count == 1 ? machines[0].name : "\(machines.count) machines"
        return "\(place) (\(cores) \(cores == 1 ? "core" : "cores"), \(Self.gigabytes(memory)))"
    }

    /// What is wrong with so many threads a rank, and what would help.
    ///
    /// - Parameter needed: bytes on a machine with so many ranks of so many threads.
    package func warnings(threads: Int, needed: (_ ranks: Int, _ threads: Int) -> Int) -> [PlacementWarning] {
        var warnings: [PlacementWarning] = []
        if let full = machines.first(where: { !$0.hasCores(threads: threads) }) {
            let asked =
                "\(full.ranks) \(full.ranks == 1 ? "rank" : "ranks") × \(threads) "
                + (threads == 1 ? "thread" : "threads")
            let remedy =
                full.ranks * threads <= full.cores
                ? "mpirun binds each rank to \(full.coresPerRank); give it --map-by slot:PE=\(threads)"
                : full.ranks > full.cores
                    ? "start at most \(full.cores) on it"
                    : "use --threads \(full.coresPerRank)"
            warnings.append(
                PlacementWarning(
                    problem: "\(asked) on \(full.name) have only \(full.cores) \(full.cores == 1 ? "core" : "cores") "
                        + "and wait for each other", remedy: remedy))
        }
        if let small = machines.first(where: { needed($0.ranks, threads) > $0.availableMemory }) {
            let remedy =
                threads > 1
                ? "use --threads 1" : small.ranks > 1 ? "start fewer ranks on it" : "use a smaller batch or model"
            warnings.append(
                PlacementWarning(
                    problem: "\(small.name) has \(Self.gigabytes(small.availableMemory)) of memory free, and up to "
                        + "\(Self.gigabytes(needed(small.ranks, threads))) may be needed", remedy: remedy))
        }
        return warnings
    }

    private static func gigabytes(_ bytes: Int) -> String {
        let number = Double(bytes) / 1e9
        return String(format: number < 10 ? "%.1f GB" : "%.0f GB", number)
    }
}

/// Something about where ranks are that a run would suffer from, and what to do about it.
package struct PlacementWarning: Sendable, CustomStringConvertible {
    package let problem, remedy: String

    package var description: String { "\(problem); \(remedy)" }
}
