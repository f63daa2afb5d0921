import Foundation

/// `dwa`: more for tasks whose losses fall slowly (Liu, Johns and Davison 2019, "End-to-end multi-task learning with
/// attention", equation 7).
///
/// The factors are K · softmax(w ÷ T) with wₖ = Lₖ(t − 1) ÷ Lₖ(t − 2), where Lₖ(t) is the mean over interval t of the task's
/// losses, and T is `weighting.temperature`. As in the paper, the factors are 1 in the first two intervals, and an interval is
/// an epoch unless `weighting.interval` says otherwise. A task that was missing from an interval counts as one that stood still.
public struct DynamicWeightAverage: LossWeighting {
    public static let name = "dwa"
    private let temperature: Double
    private let interval: Int
    /// Updates in this interval up to now.
    private var updates = 0.0
    /// Of each task: the sum of its losses and how often it was there in this interval, and its means in the last interval
    /// and in the one before; 0 where there is none.
    private var sums, counts, last, beforeLast: [Double]

    public init(_ settings: TaskWeightingSettings) {
        (temperature, interval) = (settings.temperature, settings.interval)
        sums = Array(repeating: 0, count: settings.taskCount)
        (counts, last, beforeLast) = (sums, sums, sums)
    }

    public var state: [Double] {
        get { [updates] + sums + counts + last + beforeLast }
        set {
            func part(_ number: Int) -> [Double] {
                Array(newValue[1 + number * sums.count..<1 + (number + 1) * sums.count])
            }
            updates = newValue[0]
            (sums, counts, last, beforeLast) = (part(0), part(1), part(2), part(3))
        }
    }

    public func accepts(_ state: [Double]) -> Bool {
        state.allSatisfy { $0 >= 0 } && state[0] == state[0].rounded() && state[0] < Double(interval)
    }

    public func factors(isPresent: [Bool], ahead: [Double?]) -> [Double] {
        let powers = zip(last, beforeLast).map { last, before in
            exp((last > 0 && before > 0 ? last / before : 1) / temperature)
        }
        let sum = powers.reduce(0, +)
        return powers.map { Double(powers.count) * $0 / sum }
    }

    public mutating func update(losses: [Double?], behind: [Double?]) {
        for (task, loss) in losses.enumerated() {
            guard let loss else { continue }
            sums[task] += loss
            counts[task] += 1
        }
        updates += 1
        guard updates >= Double(interval) else { return }
        beforeLast = last
        last = zip(sums, counts).enumerated().map { $1.1 > 0 ? $1.0 / $1.1 : last[$0] }
        updates = 0
        for task in sums.indices { (sums[task], counts[task]) = (0, 0) }
    }
}
