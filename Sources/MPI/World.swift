import CMPI
import Foundation

/// All processes that `mpirun` started together (`MPI_COMM_WORLD`), or some of them.
///
/// Calls go through blocking MPI functions on the calling thread; only one thread may call (`MPI_THREAD_SERIALIZED`). Messages
/// of any size are cut into pieces that fit the `int` counts of MPI 3.1.
public final class World: Communicator, @unchecked Sendable {
    public let rank: Int
    public let size: Int
    public let sharesMemory: Bool
    public let machine: Int
    let communicator: MPI_Comm
    private let segmentFile: SegmentFile

    /// Whether this process was started by `mpirun` or another launcher of MPI processes.
    public static var isLaunched: Bool {
        ["OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK"].contains { ProcessInfo.processInfo.environment[$0] != nil }
    }

    /// Such as "Open MPI v4.1.4"; may be asked for before MPI is started (section 8.1.1).
    public static var libraryVersion: String {
        var text = [CChar](repeating: 0, count: Int(MPI_MAX_LIBRARY_VERSION_STRING))
        var count: Int32 = 0
        guard MPI_Get_library_version(&text, &count) == MPI_SUCCESS else { return "an unknown MPI" }
        let whole = String(decoding: text.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return String(whole.prefix { $0 != "," && $0 != "\n" && $0 != "\0" })
    }

    /// The communicator of this process: MPI's where it was launched by MPI, a stand-in where it runs alone.
    public static func join() throws -> any Communicator {
        isLaunched ? try World() : SingleProcess()
    }

    /// Starts MPI (section 8.7); once in a process.
    public convenience init() throws {
        var provided: Int32 = 0
        try check(MPI_Init_thread(nil, nil, Int32(MPI_THREAD_SERIALIZED), &provided), "MPI_Init_thread")
        guard provided >= Int32(MPI_THREAD_SERIALIZED) else {
            throw MPIError(
                call: "MPI_Init_thread", explanation: "this MPI library cannot be called from more than one thread")
        }
        try self.init(cmpi_comm_world())
    }

    /// Collective in `communicator`.
    private init(_ communicator: MPI_Comm) throws {
        self.communicator = communicator
        try check(MPI_Comm_set_errhandler(communicator, cmpi_errors_return()), "MPI_Comm_set_errhandler")
        var (rank, size, local): (Int32, Int32, Int32) = (0, 0, 0)
        try check(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank")
        try check(MPI_Comm_size(communicator, &size), "MPI_Comm_size")
        var node = cmpi_comm_null()
        try check(
            MPI_Comm_split_type(communicator, Int32(MPI_COMM_TYPE_SHARED), 0, cmpi_info_null(), &node),
            "MPI_Comm_split_type")
        try check(MPI_Comm_size(node, &local), "MPI_Comm_size")
        var lowest = rank
        try check(MPI_Bcast(&lowest, 1, cmpi_int(), 0, node), "MPI_Bcast")
        var place: Int32 = 0
        try check(MPI_Comm_rank(node, &place), "MPI_Comm_rank")
        segmentFile = try SegmentFile(node: node, rank: Int(place), size: Int(local))
        try check(MPI_Comm_free(&node), "MPI_Comm_free")
        machine = Int(lowest)
        self.rank = Int(rank)
        self.size = Int(size)
        sharesMemory = local == size
    }

    public func barrier() throws { try check(MPI_Barrier(communicator), "MPI_Barrier") }

    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, root: Int) throws {
        for piece in pieces(of: bytes.count) {
            try check(
                MPI_Bcast(
                    bytes.baseAddress! + piece.lowerBound, Int32(piece.count), cmpi_byte(), Int32(root), communicator),
                "MPI_Bcast")
        }
    }

    public func allGather(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer) throws {
        guard all.count == bytes.count * size, bytes.count <= Self.largestPiece else {
            throw MPIError(
                call: "MPI_Allgather", explanation: "\(bytes.count) bytes of each of \(size) ranks into \(all.count)")
        }
        try check(
            MPI_Allgather(
                bytes.baseAddress, Int32(bytes.count), cmpi_byte(), all.baseAddress, Int32(bytes.count), cmpi_byte(),
                communicator), "MPI_Allgather")
    }

    public func sum(_ values: UnsafeMutableBufferPointer<Int64>) throws {
        try check(
            MPI_Allreduce(
                cmpi_in_place(), values.baseAddress, Int32(values.count), cmpi_int64(), cmpi_sum(), communicator),
            "MPI_Allreduce")
    }

    public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int, tag: Int) throws {
        for piece in pieces(of: bytes.count) {
            try check(
                MPI_Send(
                    bytes.baseAddress! + piece.lowerBound, Int32(piece.count), cmpi_byte(), Int32(rank), Int32(tag),
                    communicator), "MPI_Send")
        }
    }

    public func receive(into bytes: UnsafeMutableRawBufferPointer, from rank: Int, tag: Int) throws {
        for piece in pieces(of: bytes.count) {
            var (status, count) = (MPI_Status(), Int32(0))
            try check(
                MPI_Recv(
                    bytes.baseAddress! + piece.lowerBound, Int32(piece.count), cmpi_byte(), Int32(rank), Int32(tag),
                    communicator, &status), "MPI_Recv")
            try check(MPI_Get_count(&status, cmpi_byte(), &count), "MPI_Get_count")
            guard count == piece.count else {
                throw MPIError(
                    call: "MPI_Recv",
                    explanation: "\(count) bytes came from rank \(rank) where \(piece.count) were due")
            }
        }
    }

    public func exchange(
        _ outgoing: UnsafeRawBufferPointer, to target: Int, receiving incoming: UnsafeMutableRawBufferPointer,
        from source: Int, tag: Int
    ) throws {
        var requests: [MPI_Request?] = []
        for piece in pieces(of: outgoing.count) {
            var request: MPI_Request?
            try check(
                MPI_Isend(
                    outgoing.baseAddress! + piece.lowerBound, Int32(piece.count), cmpi_byte(), Int32(target),
                    Int32(tag),
                    communicator, &request), "MPI_Isend")
            requests.append(request)
        }
        try receive(into: incoming, from: source, tag: tag)
        try check(MPI_Waitall(Int32(requests.count), &requests, cmpi_statuses_ignore()), "MPI_Waitall")
    }

    public func sharedMemory(byteCount: Int) throws -> any SharedMemory {
        // Of one rank Open MPI makes no file but takes memory that was in use before, and leaves it as it is.
        size == 1 ? OwnMemory(byteCount: byteCount) : try SharedWindow(byteCount: byteCount, world: self)
    }

    public func split(color: Int) throws -> any Communicator {
        var part = cmpi_comm_null()
        try check(MPI_Comm_split(communicator, Int32(color), Int32(rank), &part), "MPI_Comm_split")
        guard let part else { throw MPIError(call: "MPI_Comm_split", explanation: "no communicator was made") }
        return try World(part)
    }

    public func barrier(whileWaiting: () -> Void) throws {
        var request: MPI_Request?
        try check(MPI_Ibarrier(communicator, &request), "MPI_Ibarrier")
        var isDone: Int32 = 0
        while true {
            try check(MPI_Test(&request, &isDone, cmpi_status_ignore()), "MPI_Test")
            if isDone != 0 { return }
            whileWaiting()
            // A processor that other ranks may have work for.
            usleep(10_000)
        }
    }

    public func abort(code: Int32) -> Never {
        MPI_Abort(cmpi_comm_world(), code)
        exit(code)
    }

    public func finalize() throws {
        segmentFile.restore()
        try barrier()
        try check(MPI_Finalize(), "MPI_Finalize")
    }

    /// Bytes in one call: below what an `int` counts, and a whole number of cache lines.
    private static let largestPiece = 1 << 30

    private func pieces(of count: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: Self.largestPiece).map { $0..<min($0 + Self.largestPiece, count) }
    }
}
