import MPI

/// A communicator whose calls are seen from outside: a rank inside one of them waits for others and is not stuck itself.
final class WatchedCommunicator: Communicator {
    private let base: any Communicator
    private let record: HeartbeatRecord

    init(_ base: any Communicator, _ record: HeartbeatRecord) {
        (self.base, self.record) = (base, record)
    }

    var rank: Int { base.rank }
    var size: Int { base.size }
    var sharesMemory: Bool { base.sharesMemory }
    var machine: Int { base.machine }

    func barrier() throws { try record.waiting { try base.barrier() } }
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        try record.waiting { try base.broadcast(bytes, root: root) }
    }
    func allGather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        try record.waiting { try base.allGather(bytes, into: all) }
    }
    func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws { try record.waiting { try base.sum(values) } }
    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: Int) throws {
        try record.waiting { try base.send(bytes, to: rank, tag: tag) }
    }
    func receive(into bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: Int) throws {
        try record.waiting { try base.receive(into: bytes, from: rank, tag: tag) }
    }
    func exchange(
        _ outgoing: UnsafeRawBufferPointer, to target: Int, receiving incoming: UnsafeMutableRawBufferPointer,
        from source: Int, tag: Int
    ) throws {
        try record.waiting { try base.exchange(outgoing, to: target, receiving: incoming, from: source, tag: tag) }
    }
    func sharedMemory(byteCount: Int) throws -> any SharedMemory {
        WatchedMemory(try record.waiting { try base.sharedMemory(byteCount: byteCount) }, record)
    }
    func split(color: Int) throws -> any Communicator {
        WatchedCommunicator(try record.waiting { try base.split(color: color) }, record)
    }
    /// The caller shows that it is there.
    func barrier(whileWaiting: () -> Void) throws { try base.barrier(whileWaiting: whileWaiting) }
    func abort(code: Int32) -> Never { base.abort(code: code) }
    func finalize() throws { try record.waiting { try base.finalize() } }
}

private final class WatchedMemory: SharedMemory {
    private let base: any SharedMemory
    private let record: HeartbeatRecord

    init(_ base: any SharedMemory, _ record: HeartbeatRecord) {
        (self.base, self.record) = (base, record)
    }

    func piece(of rank: Int) -> UnsafeMutableRawBufferPointer { base.piece(of: rank) }
    func synchronize() throws { try record.waiting { try base.synchronize() } }
}

extension HeartbeatRecord {
    fileprivate func waiting<Result>(_ body: () throws -> Result) rethrows -> Result {
        currentPlace.isWaiting = true
        defer { currentPlace.isWaiting = false }
        return try body()
    }
}
