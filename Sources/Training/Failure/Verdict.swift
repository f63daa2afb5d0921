/// What a rank's record says at one moment.
package struct RankReading: Sendable, Equatable {
    package var rank: Int
    /// Whether its process is no more.
    package var isGone = false
    /// Whether it ended in good order.
    package var hasLeft = false
    /// Counts up as long as the process runs at all.
    package var beats: UInt64 = 0
    /// Counts up as long as its work gets on.
    package var marks: UInt64 = 0
    package var place = RunPlace(.loading, step: 0)
    /// Whether the process used next to no processor time of late.
    package var isAsleep = false

    package init(rank: Int) { self.rank = rank }
}

/// Why a run cannot go on.
package enum Verdict: Sendable, Equatable {
    /// A rank's process is no more.
    case gone(rank: Int, RunPlace)
    /// A rank's process does not run: stopped, or in the kernel for good.
    case silent(rank: Int, RunPlace, seconds: Int)
    /// A rank runs, needs nobody, and gets nowhere.
    case stuck(rank: Int, RunPlace, seconds: Int, waiting: [Int])
    /// Every rank of the machine waits for others.
    case deadlocked(ranks: [Int], RunPlace, seconds: Int)

    /// One sentence.
    ///
    /// - Parameter host: the machine's name.
    package func text(host: String) -> String {
        switch self {
        case .gone(let rank, let place):
            "rank \(rank) on \(host) was killed \(place)"
        case .silent(let rank, let place, let seconds):
            "rank \(rank) on \(host) has not run for \(seconds) s \(place): its process is stopped"
        case .stuck(let rank, let place, let seconds, let waiting):
            "rank \(rank) on \(host) has made no progress for \(seconds) s \(place)"
                + (waiting.isEmpty ? "" : ", while \(names(waiting)) waited for it")
        case .deadlocked(let ranks, let place, let seconds):
            "\(names(ranks)) on \(host) waited \(seconds) s for other ranks \(place)"
        }
    }
}

/// "rank 3", "ranks 0, 1 and 3".
private func names(_ ranks: [Int]) -> String {
    guard ranks.count > 1, let last = ranks.last else { return "rank \(ranks.first ?? 0)" }
    return "ranks " + ranks.dropLast().map(String.init).joined(separator: ", ") + " and \(last)"
}

/// Watches records over time, and finds the rank that holds up the others.
///
/// Time counts only while the judge itself looks: where a whole job is suspended and continued, nobody was silent.
package struct Judge: Sendable {
    /// Seconds without progress before a verdict.
    package let limit: Double
    /// Whether the records are those of all ranks.
    package let seesAllRanks: Bool
    private var last: [RankReading] = []
    private var silentFor: [Double] = []
    private var quietFor: [Double] = []
    private var heldBackFor: [Double] = []

    package init(limit: Double, seesAllRanks: Bool) {
        self.limit = limit
        self.seesAllRanks = seesAllRanks
    }

    /// - Parameters:
    ///   - readings: of the same ranks each time.
    ///   - elapsed: seconds since the readings before.
    package mutating func observe(_ readings: [RankReading], after elapsed: Double) -> Verdict? {
        count(readings, elapsed)
        let present = readings.indices.filter { !readings[$0].hasLeft }
        func seconds(_ time: Double) -> Int { Int(time.rounded()) }
        if let index = present.first(where: { readings[$0].isGone }) {
            return .gone(rank: readings[index].rank, readings[index].place)
        }
        if let index = present.first(where: { silentFor[$0] > limit }) {
            return .silent(rank: readings[index].rank, readings[index].place, seconds: seconds(silentFor[index]))
        }
        if let index = present.first(where: { !readings[$0].place.isWaiting && quietFor[$0] > limit }) {
            return .stuck(
                rank: readings[index].rank, readings[index].place, seconds: seconds(quietFor[index]),
                waiting: present.filter { readings[$0].place.isWaiting }.map { readings[$0].rank })
        }
        guard let first = present.first, present.allSatisfy({ readings[$0].place.isWaiting }) else { return nil }
        // Ranks of other machines are seen there: they get the time to be found out first.
        let least = present.map { quietFor[$0] }.min() ?? 0
        guard least > 2 * limit, seesAllRanks || !readings[first].place.phase.mayWaitForDisk else { return nil }
        return .deadlocked(ranks: present.map { readings[$0].rank }, readings[first].place, seconds: seconds(least))
    }

    /// Seconds that a rank has spent waiting for a disk without any progress.
    package func heldBack(rank: Int) -> Double { last.firstIndex { $0.rank == rank }.map { heldBackFor[$0] } ?? 0 }

    private mutating func count(_ readings: [RankReading], _ elapsed: Double) {
        if last.count != readings.count {
            silentFor = readings.map { _ in 0 }
            (quietFor, heldBackFor) = (silentFor, silentFor)
        } else {
            for (index, reading) in readings.enumerated() {
                silentFor[index] = reading.beats == last[index].beats ? silentFor[index] + elapsed : 0
                let waitsForDisk = reading.place.phase.mayWaitForDisk && !reading.place.isWaiting && reading.isAsleep
                if reading.marks != last[index].marks {
                    (quietFor[index], heldBackFor[index]) = (0, 0)
                } else if waitsForDisk {
                    heldBackFor[index] += elapsed
                } else {
                    quietFor[index] += elapsed
                }
            }
        }
        last = readings
    }
}
