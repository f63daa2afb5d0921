/// An order of `0..<count` that a key fixes, computed place by place: nothing is stored or walked through.
///
/// The swap-or-not shuffle (Hoang, Morris and Rogaway, "An enciphering scheme based on a card shuffle", CRYPTO 2012):
/// every round pairs the places at random and swaps each pair or not, as a coin says that both compute alike.
public struct SeededPermutation: Sendable {
    public let count: Int
    private let rounds: [Round]

    private struct Round {
        let coin: UInt64
        /// Places whose sum is this, modulo `count`, are a pair.
        let pairSum: Int
    }

    /// - Parameter key: what the order is for; see `SeededGenerator`.
    public init(count: Int, key: [UInt64]) {
        self.count = count
        guard count > 0 else {
            rounds = []
            return
        }
        // The paper's bound for all but a small part of the places falls below 1 % at about six rounds a bit.
        let bits = Int.bitWidth - count.leadingZeroBitCount
        var generator = SeededGenerator(key: key)
        rounds = (0..<(16 + 6 * bits)).map { _ in
            Round(coin: generator.next(), pairSum: generator.next(below: count))
        }
    }

    /// What stands at `position`, which is in `0..<count`.
    public subscript(position: Int) -> Int {
        precondition(position >= 0 && position < count, "position \(position) outside a permutation of \(count)")
        var place = position
        for round in rounds {
            let difference = round.pairSum - place
            let partner = difference < 0 ? difference + count : difference
            let swaps = SeededGenerator.mix(round.coin ^ UInt64(max(place, partner))) & 1 == 1
            if swaps { place = partner }
        }
        return place
    }
}
