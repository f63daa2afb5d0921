import LinearAlgebra
import MPI
import Synchronization

/// Where the lanes of a machine put down their terms of sums that are computed once for all of them: of the gradients of weights,
/// each of which is a sum over the shards of all lanes.
///
/// In each *round* every lane first says whether its terms will come; if all of them will, the round is *open*. Lanes then add
/// their terms, all in the same order of sums. A *term* is a list of numbers that says where the operands are. When a sum has
/// all of its terms it falls into parts, which anybody may compute, so that who has less to do otherwise computes more of them.
///
/// `@unchecked Sendable`: its memory is touched through atomics, or by the one lane that it belongs to at the time.
public final class TermBoard: @unchecked Sendable {
    /// How many sums there may be in a round.
    public let sumCount: Int
    private let memory: any SharedMemory
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    private let laneCount: Int
    private let firstOwn: Int
    private let capacity: Int

    /// Collective.
    ///
    /// - Parameters:
    ///   - communicator: ranks that share memory.
    ///   - lanes: of each rank.
    ///   - capacity: numbers that a term may have.
    public init(_ communicator: any Communicator, lanes: Int, sums: Int, capacity: Int) throws {
        (sumCount, self.capacity) = (sums, capacity)
        laneCount = communicator.size * lanes
        firstOwn = communicator.rank * lanes
        let count = Self.line * (Header.count + sums * (SumLine.count + laneCount * Self.termLines(capacity)))
        memory = try communicator.sharedMemory(byteCount: communicator.rank == 0 ? 8 * count : 64)
        words = memory.piece(of: 0).baseAddress!.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        try memory.synchronize()
    }

    // MARK: Rounds

    /// A lane begins a round; they count from 1.
    ///
    /// - Parameter comes: whether the lane's terms will come.
    public func join(_ round: Int, comes: Bool) {
        if !comes { header(.declined).add(1, round) }
        header(.joined).add(1, round)
    }

    /// Whether all lanes' terms will come; nil until all of them have said so.
    public func isOpen(_ round: Int) -> Bool? {
        guard header(.joined).value(round) == laneCount else { return nil }
        return header(.declined).value(round) == 0
    }

    /// No sum of the round is wanted any more: a lane was stopped before its terms.
    public func abandon(_ round: Int) { header(.abandoned).add(1, round) }

    public func isAbandoned(_ round: Int) -> Bool { header(.abandoned).value(round) > 0 }

    // MARK: Sums

    /// Adds a lane's term to a sum.
    ///
    /// - Parameters:
    ///   - term: operands that stay as they are until the sum is finished.
    ///   - parts: into which the sum falls, the same number from every lane.
    ///   - lane: of this rank.
    public func add(_ term: [Int], to sum: Int, parts: Int, lane: Int, round: Int) {
        require(term.count <= capacity && 0..<sumCount ~= sum, "a term that fits on no board")
        let numbers = self.numbers(sum, firstOwn + lane)
        (numbers[0], numbers[1]) = (parts, term.count)
        for (index, number) in term.enumerated() { numbers[2 + index] = number }
        line(.arrived, of: sum).add(1, round)
    }

    /// Whether a sum has a term of any lane.
    public func isBegun(_ sum: Int, _ round: Int) -> Bool {
        sum < sumCount && line(.arrived, of: sum).value(round) > 0
    }

    /// Whether a sum has all of its terms.
    public func isComplete(_ sum: Int, _ round: Int) -> Bool { line(.arrived, of: sum).value(round) == laneCount }

    /// A part of a complete sum that nobody else has; nil where there is none left.
    public func take(from sum: Int, _ round: Int) -> Int? {
        line(.taken, of: sum).next(below: numbers(sum, 0)[0], round)
    }

    public func finishPart(of sum: Int, _ round: Int) { line(.finished, of: sum).add(1, round) }

    public func isFinished(_ sum: Int, _ round: Int) -> Bool {
        isComplete(sum, round) && line(.finished, of: sum).value(round) == numbers(sum, 0)[0]
    }

    /// The terms of a complete sum, in the order of the lanes.
    public func terms(of sum: Int) -> [UnsafeBufferPointer<Int>] {
        (0..<laneCount).map { lane in
            let numbers = self.numbers(sum, lane)
            return UnsafeBufferPointer(start: numbers + 2, count: numbers[1])
        }
    }

    // MARK: Memory

    /// Words of a cache line.
    private static let line = 8

    private enum Header: Int {
        case joined, declined, abandoned
        static let count = 3
    }

    private enum SumLine: Int {
        case arrived, taken, finished
        static let count = 3
    }

    /// Cache lines of a term with the numbers of its parts and of its own numbers.
    private static func termLines(_ capacity: Int) -> Int { (capacity + 2 + line - 1) / line }

    private func header(_ which: Header) -> RoundCounter { RoundCounter(word: words + Self.line * which.rawValue) }

    private func start(of sum: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        words + Self.line * (Header.count + sum * (SumLine.count + laneCount * Self.termLines(capacity)))
    }

    private func line(_ which: SumLine, of sum: Int) -> RoundCounter {
        RoundCounter(word: start(of: sum) + Self.line * which.rawValue)
    }

    private func numbers(_ sum: Int, _ lane: Int) -> UnsafeMutablePointer<Int> {
        UnsafeMutableRawPointer(start(of: sum) + Self.line * (SumLine.count + lane * Self.termLines(capacity)))
            .assumingMemoryBound(to: Int.self)
    }
}

/// A number that is 0 at the beginning of each round, without anybody having to reset it: its higher half says of which round it is.
private struct RoundCounter {
    let word: UnsafeMutablePointer<Atomic<UInt64>>

    func value(_ round: Int) -> Int { value(word.pointee.load(ordering: .acquiring), round) }

    func add(_ number: Int, _ round: Int) { _ = update(round) { $0 + number } }

    /// The number, which is then one more; nil where it is not below `end`.
    func next(below end: Int, _ round: Int) -> Int? { update(round) { $0 < end ? $0 + 1 : nil } }

    private func value(_ bits: UInt64, _ round: Int) -> Int {
        bits >> 32 == UInt64(round) & 0xFFFF_FFFF ? Int(bits & 0xFFFF_FFFF) : 0
    }

    /// - Returns: the number before; nil where it stays as it is.
    private func update(_ round: Int, _ change: (Int) -> Int?) -> Int? {
        var current = word.pointee.load(ordering: .relaxed)
        while let new = change(value(current, round)) {
            let (exchanged, original) = word.pointee.compareExchange(
                expected: current, desired: UInt64(round) << 32 | UInt64(new), ordering: .acquiringAndReleasing)
            if exchanged { return value(current, round) }
            current = original
        }
        return nil
    }
}
