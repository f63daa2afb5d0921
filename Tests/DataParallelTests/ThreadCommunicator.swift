import Foundation
import MPI

/// What the ranks of `ThreadCommunicator` share: a barrier, mailboxes, and memory that all of them see.
private final class Meeting: @unchecked Sendable {
    struct Address: Hashable {
        let source, target, tag: Int
    }

    let size: Int
    private let condition = NSCondition()
    private var arrived = 0
    private var round = 0
    private var mail: [Address: [[UInt8]]] = [:]
    private var windows: [Int: Window] = [:]
    private var parts: [[Int]: Meeting] = [:]

    init(size: Int) { self.size = size }

    func barrier() {
        condition.withLock {
            let own = round
            arrived += 1
            if arrived == size {
                (arrived, round) = (0, round + 1)
                condition.broadcast()
            }
            while own == round { condition.wait() }
        }
    }

    func send(_ bytes: [UInt8], _ address: Address) {
        condition.withLock {
            mail[address, default: []].append(bytes)
            condition.broadcast()
        }
    }

    func receive(_ address: Address) -> [UInt8] {
        condition.withLock {
            while mail[address, default: []].isEmpty { condition.wait() }
            return mail[address, default: []].removeFirst()
        }
    }

    /// Where the ranks of one part of the `number`th split meet.
    func part(_ number: Int, color: Int, size: Int) -> Meeting {
        condition.withLock {
            if let part = parts[[number, color]] { return part }
            let part = Meeting(size: size)
            parts[[number, color]] = part
            return part
        }
    }

    /// The window that every rank opens as its `number`th.
    func window(_ number: Int, byteCounts: [Int]) -> Window {
        condition.withLock {
            if let window = windows[number] { return window }
            let window = Window(meeting: self, byteCounts: byteCounts)
            windows[number] = window
            return window
        }
    }
}

private final class Window: SharedMemory, @unchecked Sendable {
    private unowned let meeting: Meeting
    private let pieces: [UnsafeMutableRawBufferPointer]

    init(meeting: Meeting, byteCounts: [Int]) {
        self.meeting = meeting
        pieces = byteCounts.map { byteCount in
            let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
            _ = piece.initializeMemory(as: UInt8.self, repeating: 0)
            return piece
        }
    }

    deinit { for piece in pieces { piece.deallocate() } }

    func piece(of rank: Int) -> UnsafeMutableRawBufferPointer { pieces[rank] }
    func synchronize() { meeting.barrier() }
}

/// A rank that is a thread of this process, so that what the ranks do together is tested without `mpirun`.
final class ThreadCommunicator: Communicator, @unchecked Sendable {
    let rank: Int
    let size: Int
    let sharesMemory = true
    let machine = 0
    private let meeting: Meeting
    private var windowCount = 0
    private var splitCount = 0

    private init(rank: Int, _ meeting: Meeting) {
        (self.rank, size, self.meeting) = (rank, meeting.size, meeting)
    }

    /// Runs `body` once per rank, each in its own thread. Returns what it returned, in rank order.
    static func run<Result: Sendable>(
        _ size: Int, _ body: @escaping @Sendable (any Communicator) throws -> Result
    ) throws -> [Result] {
        let meeting = Meeting(size: size)
        let results = Results<Result>()
        let group = DispatchGroup()
        for rank in 0..<size {
            group.enter()
            let thread = Thread {
                let result = Swift.Result { try body(ThreadCommunicator(rank: rank, meeting)) }
                results.lock.withLock { results.ofRank[rank] = result }
                group.leave()
            }
            thread.start()
        }
        group.wait()
        return try (0..<size).compactMap { try results.ofRank[$0]?.get() }
    }

    private final class Results<Value: Sendable>: @unchecked Sendable {
        let lock = NSLock()
        var ofRank: [Int: Result<Value, any Error>] = [:]
    }

    func barrier() { meeting.barrier() }

    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        if rank == root {
            for other in 0..<size where other != root { try send(UnsafeRawBufferPointer(bytes), to: other, tag: -1) }
        } else {
            try receive(into: bytes, from: root, tag: -1)
        }
    }

    func allGather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        for other in 0..<size { try send(bytes, to: other, tag: -2) }
        for other in 0..<size {
            let part = all[other * bytes.count..<(other + 1) * bytes.count]
            try receive(into: UnsafeMutableRawBufferPointer(rebasing: part), from: other, tag: -2)
        }
    }

    func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws {
        let all = try allGather(Array(values))
        for place in values.indices {
            values[place] = (0..<size).reduce(0) { $0 + all[$1 * values.count + place] }
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: Int) throws {
        meeting.send(Array(bytes), .init(source: self.rank, target: rank, tag: tag))
    }

    func receive(into bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: Int) throws {
        let message = meeting.receive(.init(source: rank, target: self.rank, tag: tag))
        guard message.count == bytes.count else {
            throw WrongSize(description: "\(message.count) bytes from rank \(rank) where \(bytes.count) are expected")
        }
        bytes.copyBytes(from: message)
    }

    func exchange(
        _ outgoing: UnsafeRawBufferPointer, to target: Int, receiving incoming: UnsafeMutableRawBufferPointer,
        from source: Int, tag: Int
    ) throws {
        try send(outgoing, to: target, tag: tag)
        try receive(into: incoming, from: source, tag: tag)
    }

    func sharedMemory(byteCount: Int) throws -> any SharedMemory {
        windowCount += 1
        return meeting.window(windowCount, byteCounts: try allGather(byteCount))
    }

    func split(color: Int) throws -> any Communicator {
        splitCount += 1
        let colors = try allGather(color)
        let ranks = (0..<size).filter { colors[$0] == color }
        let place = ranks.firstIndex(of: rank) ?? 0
        return ThreadCommunicator(rank: place, meeting.part(splitCount, color: color, size: ranks.count))
    }

    func barrier(whileWaiting: () -> Void) {
        whileWaiting()
        barrier()
    }

    func abort(code: Int32) -> Never { exit(code) }
    func finalize() {}
}

struct WrongSize: Error, CustomStringConvertible {
    let description: String
}
