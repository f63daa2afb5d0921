import Foundation
import MPI
import Metrics
import TaskData

extension ComparisonJob {
    /// One start of the program on a comparison: what is left to do, and who has taken what.
    struct Session: Sendable {
        /// Places in the plan's runs, those with the most work first.
        let remaining: [Int]
        let claims: RunClaims
        private let runs: [PlannedRun]
        private let claim: FolderClaim?

        /// Collective.
        init(
            _ plan: ComparisonPlan, _ folder: ComparisonFolder, _ settings: ComparisonSettings,
            _ communicator: any Communicator, _ observer: any ComparisonObserver
        ) throws {
            var claim: FolderClaim?
            let found = try communicator.fromRootRank {
                let opened = try folder.open(plan.runs, settings) { observer.record(.warning($0)) }
                claim = opened.claim
                let claims = try RunClaims.begin(in: folder.path)
                return opened.isDone.map { $0 ? 1 : 0 } + Array(claims.path.utf8)
            }
            self.claim = claim
            runs = plan.runs
            remaining = runs.indices.filter { found[$0] == 0 }.sorted { [runs] in
                (runs[$0].work, $1) > (runs[$1].work, $0)
            }
            let claims = RunClaims(path: String(decoding: found.dropFirst(runs.count), as: UTF8.self))
            self.claims = claims
            try communicator.agreeing {
                guard claims.isThere else {
                    throw UsageError(
                        "\(folder.path) cannot be seen from \(ProcessInfo.processInfo.hostName); the folder of a "
                            + "comparison must be on a file system that all machines share")
                }
            }
        }

        /// Collective in the group: takes the next run. - Returns: nil where none is left.
        ///
        /// - Throws: `StopError` where a stop is asked for.
        func take(_ group: RankWatch) throws -> Int? {
            let (none, stop) = (-1, -2)
            let bytes = try group.communicator.fromRootRank {
                var next = none
                if !group.goesOn() || claims.isNoted("stop") {
                    next = stop
                } else if let index = try remaining.first(where: { try claims.isFirst("run-\($0)") }) {
                    next = index
                }
                return withUnsafeBytes(of: next) { Array($0) }
            }
            let next = bytes.withUnsafeBytes { $0.loadUnaligned(as: Int.self) }
            if next == stop { throw StopError("stopped between two runs") }
            return next == none ? nil : next
        }

        func finish(_ index: Int) { claims.note("done-\(index)") }

        /// Of all sessions.
        var doneCount: Int { runs.count - remaining.count + finished.count }

        private var finished: [Int] { remaining.filter { claims.isNoted("done-\($0)") } }

        func event(_ title: String, accuracy: Double, seconds: Double, elapsed: Double) -> ComparisonEvent.Finished {
            let done = finished.reduce(0) { $0 + runs[$1].work }
            let all = remaining.reduce(0) { $0 + runs[$1].work }
            return .init(
                title: title, accuracy: accuracy, seconds: seconds, doneCount: doneCount, runCount: runs.count,
                remaining: done > 0 ? elapsed * (all - done) / done : 0)
        }
    }
}

extension RunClaims {
    var isThere: Bool { access(path, W_OK) == 0 }

    /// Whether no rank has said so yet.
    func isFirstToWarn(_ text: String) -> Bool {
        let name = text.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        return (try? isFirst("warning-\(name)")) ?? true
    }
}

extension ComparisonPlan {
    /// The ranks of a group: one while there are enough runs for all, else as many as the shards and the ranks allow.
    func groupSize(ranks: Int, runs count: Int) -> Int {
        Self.groupSize(ranks: ranks, runs: count, shardCounts: Set(runs.map(\.shardCount)))
    }

    package static func groupSize(ranks: Int, runs: Int, shardCounts: Set<Int>) -> Int {
        (1...max(1, ranks)).last { size in
            size * max(1, runs) <= ranks
                && shardCounts.allSatisfy { shardCount in
                    (try? ShardLayout(shardCount: shardCount))?.validRankCounts.contains(size) ?? false
                }
        } ?? 1
    }

    /// The results as they go into `comparison.json`.
    ///
    /// - Parameters:
    ///   - records: of all runs, in their order.
    ///   - noteProgress: called now and then, since it takes some time with large files.
    func comparison(
        _ records: [ComparisonRecord], _ settings: ComparisonSettings, noteProgress: @escaping @Sendable () -> Void
    ) -> Comparison {
        let bootstrap = PairedBootstrap(
            confidence: base.compare.confidence, resamples: settings.resamples, noteProgress: noteProgress)
        func summaries(isWithoutExcluded: Bool) -> [Comparison.Summary] {
            ComparisonSummaries(
                tasks: datasets.map(\.name), seeds: seeds, records: records, bootstrap: bootstrap,
                isWithoutExcluded: isWithoutExcluded
            ).summaries(variants: variants, fractions: fractions)
        }
        let hasExcluded = datasets.contains { !$0.testExcludes.isEmpty }
        return Comparison(
            program: programVersion, model: base.modelTitle, precision: base.precision.rawValue, epochs: epochs,
            scoredAt: settings.scoredAt, confidence: bootstrap.confidence, resamples: bootstrap.resamples,
            tasks: datasets.map {
                .init(
                    name: $0.name, labels: $0.labelNames, trainCount: $0.trainingRows.count,
                    devCount: $0.dev?.usableRows.count, testCount: $0.test?.usableRows.count,
                    split: $0.test == nil ? "dev" : "test")
            },
            variants: variants, fractions: fractions, seeds: seeds, runs: records.map(\.run),
            summaries: summaries(isWithoutExcluded: false),
            summariesWithoutExcluded: hasExcluded ? summaries(isWithoutExcluded: true) : nil)
    }
}
