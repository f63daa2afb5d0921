import Glibc
import LinearAlgebra
import MPI
import Synchronization

/// Where a lane that computes offers parts of its work to those that are done, so that a step ends at the same time on all
/// cores of a machine although some lanes have longer texts, or a slower core.
///
/// A *job* is a list of numbers that says what is to be computed; it falls into parts, which may be computed anywhere in any
/// order. Its owner and any helpers take one part after the other from a counter (self-scheduling; Tang and Yew 1986,
/// "Processor self-scheduling for multiple-nested parallel loops"). The memory that a job names is named by its place in memory
/// which all ranks see.
///
/// `@unchecked Sendable`: its memory is touched through atomics, or by the one lane that it belongs to at the time.
public final class WorkBoard: @unchecked Sendable {
    /// Numbers that a job may have.
    public static let jobCapacity = 128

    /// Memory of each lane of this rank that the others see, zeros.
    public let arenas: [UnsafeMutableRawBufferPointer]
    private let memory: any SharedMemory
    private let regions: [UnsafeMutableRawBufferPointer]
    private let offers: [Offer]
    private let firstOwn: Int
    /// Lanes that compute, and lanes that look for something to do.
    private let working, helping: UnsafeMutablePointer<Atomic<UInt64>>

    /// Collective.
    ///
    /// - Parameters:
    ///   - communicator: ranks that share memory.
    ///   - lanes: of each rank.
    ///   - arenaByteCount: memory for each lane.
    ///   - others: further memory that jobs may name: on every rank the same pieces in the same order.
    public init(
        _ communicator: any Communicator, lanes: Int, arenaByteCount: Int, others: [UnsafeMutableRawBufferPointer]
    ) throws {
        let arena = (arenaByteCount + 63) / 64 * 64
        let memory = try communicator.sharedMemory(
            byteCount: Self.lineByteCount + lanes * (Offer.byteCount + arena))
        self.memory = memory
        let pieces = (0..<communicator.size).map { memory.piece(of: $0) }
        regions = others + pieces
        offers = pieces.flatMap { piece in
            (0..<lanes).map { Offer(Self.words(piece, Self.lineByteCount + $0 * Offer.byteCount)) }
        }
        let own = pieces[communicator.rank]
        let start = Self.lineByteCount + lanes * Offer.byteCount
        arenas = (0..<lanes).map {
            UnsafeMutableRawBufferPointer(rebasing: own[start + $0 * arena..<start + ($0 + 1) * arena])
        }
        firstOwn = communicator.rank * lanes
        let counts = Self.words(pieces[0], 0)
        (working, helping) = (counts, counts + 1)
        try memory.synchronize()
    }

    private static let lineByteCount = 64

    private static func words(
        _ piece: UnsafeMutableRawBufferPointer, _ place: Int
    ) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (piece.baseAddress! + place).bindMemory(to: Atomic<UInt64>.self, capacity: (piece.count - place) / 8)
    }

    // MARK: Places

    /// How other ranks find what a pointer of this one points to; nil where they do not see it.
    public func place(of pointer: UnsafeRawPointer) -> Int? {
        for (index, region) in regions.enumerated() {
            let offset = pointer - UnsafeRawPointer(region.baseAddress!)
            if offset >= 0 && offset < region.count { return index << 48 | offset }
        }
        return nil
    }

    /// What this rank sees at a place.
    public func pointer(at place: Int) -> UnsafeMutableRawPointer {
        regions[place >> 48].baseAddress! + place & (1 << 48 - 1)
    }

    // MARK: What lanes do

    /// Whether a lane is there to take a part.
    public var hasHelpers: Bool { helping.pointee.load(ordering: .relaxed) > 0 }

    /// A lane begins to compute: whoever is done stays to help. All ranks meet before a lane begins again, so that nobody helps
    /// on for ever.
    public func begin() { working.pointee.wrappingAdd(1, ordering: .releasing) }

    /// A lane is done.
    public func end() { working.pointee.wrappingSubtract(1, ordering: .releasing) }

    /// Computes all parts of a job, with the help of those who are there.
    ///
    /// - Parameters:
    ///   - lane: of this rank.
    ///   - parts: up to 65,535.
    ///   - run: computes one part.
    ///   - wait: called once all parts are taken, before those of others are waited for.
    public func share(_ job: [Int], parts: Int, lane: Int, run: (Int) -> Void, wait: () -> Void) {
        let offer = offers[firstOwn + lane]
        offer.open(job, parts: parts)
        while let part = offer.take() {
            run(part)
            offer.finishPart()
        }
        wait()
        while !offer.isFinished(parts) { sched_yield() }
    }

    /// Computes parts of other lanes' jobs until no lane computes any more.
    ///
    /// - Parameters:
    ///   - lane: of this rank, which looks at those behind it first.
    ///   - run: computes a part of a job.
    /// - Returns: how many parts it computed.
    public func help(lane: Int, run: (_ job: UnsafeBufferPointer<Int>, _ part: Int) -> Void) -> Int {
        var count = 0
        whileHelping {
            while working.pointee.load(ordering: .acquiring) > 0 {
                let helped = helpOnce(lane: lane, run: run)
                count += helped
                if helped == 0 { sched_yield() }
            }
        }
        return count
    }

    /// Computes the parts of other lanes' jobs that there are.
    ///
    /// - Parameters: as those of `help`.
    /// - Returns: how many parts it computed.
    public func helpOnce(lane: Int, run: (_ job: UnsafeBufferPointer<Int>, _ part: Int) -> Void) -> Int {
        var count = 0
        for step in 1..<offers.count {
            let offer = offers[(firstOwn + lane + step) % offers.count]
            while let part = offer.take() {
                count += 1
                run(offer.job, part)
                offer.finishPart()
            }
        }
        return count
    }

    /// A lane looks for something to do as long as `body` runs.
    public func whileHelping(_ body: () -> Void) {
        helping.pointee.wrappingAdd(1, ordering: .relaxed)
        defer { helping.pointee.wrappingSubtract(1, ordering: .relaxed) }
        body()
    }
}

/// One lane's job.
private struct Offer: @unchecked Sendable {
    static let byteCount = 8 * (headerCount + WorkBoard.jobCapacity)
    /// The ticket and the number of finished parts have a cache line each; then comes the job with its length.
    private static let headerCount = 17

    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    init(_ words: UnsafeMutablePointer<Atomic<UInt64>>) { self.words = words }

    /// From its highest bits on: the number of the job, 32 bits; its parts, 16; the next of them, 16. The number keeps apart two
    /// jobs that are at the same part.
    private var ticket: UnsafeMutablePointer<Atomic<UInt64>> { words }
    private var finished: UnsafeMutablePointer<Atomic<UInt64>> { words + 8 }
    private var numbers: UnsafeMutablePointer<Int> {
        UnsafeMutableRawPointer(words + Self.headerCount).assumingMemoryBound(to: Int.self)
    }

    /// By the owner, when no part of the job before is unfinished.
    func open(_ job: [Int], parts: Int) {
        require(job.count <= WorkBoard.jobCapacity && 1...0xFFFF ~= parts, "a job that fits on no board")
        UnsafeMutableRawPointer(words + 16).storeBytes(of: job.count, as: Int.self)
        numbers.update(from: job, count: job.count)
        finished.pointee.store(0, ordering: .relaxed)
        let number = (ticket.pointee.load(ordering: .relaxed) >> 32) &+ 1
        ticket.pointee.store(number << 32 | UInt64(parts) << 16, ordering: .releasing)
    }

    /// A part that nobody else has; nil where there is none. The job stays as it is until the part is finished.
    func take() -> Int? {
        var current = ticket.pointee.load(ordering: .relaxed)
        while current & 0xFFFF < current >> 16 & 0xFFFF {
            let (exchanged, original) = ticket.pointee.compareExchange(
                expected: current, desired: current + 1, ordering: .acquiringAndReleasing)
            if exchanged { return Int(current & 0xFFFF) }
            current = original
        }
        return nil
    }

    func finishPart() { finished.pointee.wrappingAdd(1, ordering: .releasing) }

    func isFinished(_ parts: Int) -> Bool { finished.pointee.load(ordering: .acquiring) == UInt64(parts) }

    /// To be read by who has taken a part.
    var job: UnsafeBufferPointer<Int> {
        let count = UnsafeRawPointer(words + 16).load(as: Int.self)
        return UnsafeBufferPointer(start: numbers, count: count)
    }
}
