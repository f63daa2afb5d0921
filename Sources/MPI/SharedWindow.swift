import CMPI

/// A window of memory shared by the ranks of one machine (`MPI_Win_allocate_shared`, MPI 3.1, section 11.2.3).
///
/// It stays open, in one passive epoch, until the process ends: closing it is collective, which a deinitialiser cannot promise.
final class SharedWindow: SharedMemory, @unchecked Sendable {
    private let window: MPI_Win
    private let pieces: [UnsafeMutableRawBufferPointer]
    private let world: World

    init(byteCount: Int, world: World) throws {
        self.world = world
        // With a line to spare, see `wholeLines`.
        let bytes = (byteCount + Self.line - 1) / Self.line * Self.line + Self.line
        var window: MPI_Win?
        var own: UnsafeMutableRawPointer?
        try check(
            withUnsafeMutablePointer(to: &own) {
                MPI_Win_allocate_shared(MPI_Aint(bytes), 1, cmpi_info_null(), world.communicator, $0, &window)
            }, "MPI_Win_allocate_shared")
        guard let window else {
            throw MPIError(call: "MPI_Win_allocate_shared", explanation: "no window was made")
        }
        self.window = window
        try check(MPI_Win_set_errhandler(window, cmpi_errors_return()), "MPI_Win_set_errhandler")
        pieces = try (0..<world.size).map { rank in
            var (size, unit): (MPI_Aint, Int32) = (0, 0)
            var base: UnsafeMutableRawPointer?
            try check(
                withUnsafeMutablePointer(to: &base) { MPI_Win_shared_query(window, Int32(rank), &size, &unit, $0) },
                "MPI_Win_shared_query")
            return Self.wholeLines(of: UnsafeMutableRawBufferPointer(start: base, count: Int(size)))
        }
        try check(MPI_Win_lock_all(Int32(MPI_MODE_NOCHECK), window), "MPI_Win_lock_all")
    }

    /// Bytes of a cache line.
    private static let line = 64

    /// What remains of a piece with a line to spare: Open MPI's begin anywhere in one. Mappings begin on pages, so that every rank
    /// finds the same place.
    private static func wholeLines(of piece: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        let start = (line - Int(bitPattern: piece.baseAddress) % line) % line
        return UnsafeMutableRawBufferPointer(rebasing: piece[start..<start + piece.count - line])
    }

    func piece(of rank: Int) -> UnsafeMutableRawBufferPointer { pieces[rank] }

    func synchronize() throws {
        try check(MPI_Win_sync(window), "MPI_Win_sync")
        try world.barrier()
        try check(MPI_Win_sync(window), "MPI_Win_sync")
    }
}
