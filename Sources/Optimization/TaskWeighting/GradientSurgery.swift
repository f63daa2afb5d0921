import LinearAlgebra

/// `pcgrad`: takes out of each task's gradient what works against another task (Yu, Kumar, Gupta, Levine, Hausman and Finn 2020,
/// "Gradient surgery for multi-task learning", algorithm 1).
///
/// Each task's gradient is projected onto the plane normal to every other task's gradient that it points against, one after the
/// other in random order; the update is the sum of what is left. The order is a pure function of seed, step and the
/// task's place. All of it is done on dot products: what is left of a gradient is a sum of multiples of the original ones.
public struct GradientSurgery: GradientCombination {
    public static let name = "pcgrad"
    private let seed: UInt64

    public init(_ settings: TaskWeightingSettings) { seed = settings.seed }

    public func factors(_ tasks: TaskGradientProducts) -> [Double] {
        let gram = tasks.gram
        var sum = [Double](repeating: 0, count: gram.count)
        for own in 0..<gram.count {
            var parts = [Double](repeating: 0, count: gram.count)
            parts[own] = 1
            for other in Self.order(seed: seed, step: tasks.step, task: own, count: gram.count) where other != own {
                let product = (0..<gram.count).reduce(0) { $0 + parts[$1] * gram[$1, other] }
                // A gradient of length zero has no product with others that is below zero.
                if product < 0 { parts[other] -= product / gram[other, other] }
            }
            for place in sum.indices { sum[place] += parts[place] }
        }
        return sum
    }

    /// The order in which a task meets the others, itself included: a shuffle (Durstenfeld 1964) by counter-based numbers.
    package static func order(seed: UInt64, step: Int, task: Int, count: Int) -> [Int] {
        let random = Philox(key: mixedKey(seed, UInt64(step), UInt64(task), 0x5063_4772_6164))
        var order = Array(0..<count)
        for last in (1..<max(1, count)).reversed() {
            let draw = UInt64(random.words(UInt32(last), 0, 0, 0).0)
            order.swapAt(last, Int((draw * UInt64(last + 1)) >> 32))
        }
        return order
    }
}
