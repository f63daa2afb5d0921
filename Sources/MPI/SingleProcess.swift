import Foundation

/// The communicator of a program that runs alone: everything works without MPI being started.
public final class SingleProcess: Communicator {
    public let rank = 0
    public let size = 1
    public let sharesMemory = true
    public let machine = 0

    public init() {}

    public func barrier() {}
    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        try check(root, in: "broadcast")
    }
    public func allGather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        guard bytes.count == all.count else {
            throw MPIError(call: "allGather", explanation: "\(bytes.count) bytes do not fill \(all.count)")
        }
        all.copyMemory(from: bytes)
    }
    public func sum(_ values: UnsafeMutableBufferPointer<Int64>) {}
    public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: Int) throws {
        throw MPIError(call: "send", explanation: "a program that runs alone has no rank \(rank) to send to")
    }
    public func receive(into bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: Int) throws {
        throw MPIError(call: "receive", explanation: "a program that runs alone has no rank \(rank) to receive from")
    }
    public func exchange(
        _ outgoing: UnsafeRawBufferPointer, to target: Int, receiving incoming: UnsafeMutableRawBufferPointer,
        from source: Int, tag: Int
    ) throws {
        try check(target, in: "exchange")
        try check(source, in: "exchange")
        try allGather(outgoing, into: incoming)
    }
    public func sharedMemory(byteCount: Int) throws -> any SharedMemory { OwnMemory(byteCount: byteCount) }
    public func split(color: Int) -> any Communicator { self }
    public func barrier(whileWaiting: () -> Void) {}
    public func abort(code: Int32) -> Never { exit(code) }
    public func finalize() {}

    private func check(_ rank: Int, in call: String) throws {
        if rank != 0 { throw MPIError(call: call, explanation: "a program that runs alone has no rank \(rank)") }
    }
}

/// Memory of a communicator with one rank.
final class OwnMemory: SharedMemory, @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        // As shared memory: zeros, and pages that are never touched are never there.
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        let count = max(byteCount, 1)
        guard let start = mmap(nil, count, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else {
            fatalError("out of memory: \(count) bytes were asked for")
        }
        bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
    }

    deinit { munmap(bytes.baseAddress, bytes.count) }

    func piece(of rank: Int) -> UnsafeMutableRawBufferPointer { bytes }
    func synchronize() {}
}
