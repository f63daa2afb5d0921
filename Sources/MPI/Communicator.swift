/// The ranks of a run, and what they can do together.
///
/// Every call is collective unless it says otherwise: all ranks make the same calls in the same order, from one thread.
public protocol Communicator: AnyObject, Sendable {
    /// This process's number, from 0.
    var rank: Int { get }
    /// How many ranks there are.
    var size: Int { get }
    /// Whether all ranks run on one machine and can share memory.
    var sharesMemory: Bool { get }
    /// Names the machine that this rank runs on, by the lowest rank on it.
    var machine: Int { get }

    /// Returns when every rank has called it (MPI 3.1, section 5.3).
    func barrier() throws
    /// Overwrites `bytes` on every rank with those of `root` (section 5.4).
    func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws
    /// Puts every rank's `bytes` (the same count on each) one after the other, in rank order, into `all` (section 5.7).
    func allGather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws
    /// Overwrites `values` with their sum over the ranks; integers, so that the order cannot matter (section 5.9).
    func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws
    /// Sends to one rank; not collective (section 3.2).
    func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: Int) throws
    /// Receives exactly `bytes.count` bytes from one rank; not collective (section 3.2).
    func receive(into bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: Int) throws
    /// Sends to one rank and receives from another at once; not collective (section 3.10).
    func exchange(
        _ outgoing: UnsafeRawBufferPointer, to target: Int, receiving incoming: UnsafeMutableRawBufferPointer,
        from source: Int, tag: Int) throws
    /// Zeroed memory of `byteCount` bytes, a number that may differ between ranks, that all ranks of the machine can read and
    /// write (section 11.2.3). Only where `sharesMemory`.
    func sharedMemory(byteCount: Int) throws -> any SharedMemory
    /// The ranks that give the same `color` as a communicator of their own, in the order of their ranks here (section 6.4.2).
    /// It is kept until the program ends.
    func split(color: Int) throws -> any Communicator
    /// Returns when every rank has called it, and calls `whileWaiting` now and then until then: for a rank that may wait for
    /// long (section 5.12.1).
    func barrier(whileWaiting: () -> Void) throws
    /// Ends every rank of the run with this exit code, without waiting for them (section 8.7); not collective.
    func abort(code: Int32) -> Never
    /// Leaves the run in good order (section 8.7). Nothing else may be called afterwards.
    func finalize() throws
}

/// One piece of memory per rank, mapped into all of them.
public protocol SharedMemory: AnyObject, Sendable {
    /// The piece of one rank, as this rank sees it.
    func piece(of rank: Int) -> UnsafeMutableRawBufferPointer
    /// Collective: afterwards every rank sees what every rank wrote before (MPI 3.1, section 11.5.4).
    func synchronize() throws
}

extension Communicator {
    /// Every rank's value, in rank order.
    public func allGather<Value: BitwiseCopyable>(_ value: Value) throws -> [Value] {
        try allGather([value])
    }

    /// Every rank's values one after the other, in rank order; the same count on each rank.
    public func allGather<Value: BitwiseCopyable>(_ values: [Value]) throws -> [Value] {
        guard let filler = values.first else { return [] }
        var all = [Value](repeating: filler, count: values.count * size)
        try values.withUnsafeBytes { source in
            try all.withUnsafeMutableBytes { try allGather(source, into: $0) }
        }
        return all
    }

    /// Each rank's own bytes, which may differ in number, in rank order.
    public func allGatherVariable(_ bytes: [UInt8]) throws -> [[UInt8]] {
        let counts = try allGather(bytes.count)
        let longest = counts.max() ?? 0
        if longest == 0 { return counts.map { _ in [] } }
        let padded = try allGather(bytes + [UInt8](repeating: 0, count: longest - bytes.count))
        return counts.enumerated().map { Array(padded[$0 * longest..<$0 * longest + $1]) }
    }

    /// Overwrites an array on every rank with that of `root`, whatever its length.
    public func broadcast(_ bytes: inout [UInt8], root: Int) throws {
        var count = bytes.count
        try withUnsafeMutableBytes(of: &count) { try broadcast($0, root: root) }
        if rank != root { bytes = [UInt8](repeating: 0, count: count) }
        try bytes.withUnsafeMutableBytes { try broadcast($0, root: root) }
    }
}
