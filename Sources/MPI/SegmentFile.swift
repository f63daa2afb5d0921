import CMPI
import Foundation

/// The file behind the memory through which Open MPI's `vader` hands messages from rank to rank of a machine. It would stay in
/// /dev/shm where `mpirun` is ended by SIGKILL and nobody is left to delete it.
///
/// Nobody needs the name once every rank of the machine has mapped the memory, so each rank deletes its own then. MPI_Finalize
/// complains where it finds nothing to delete, and therefore gets the name back, for an empty file.
struct SegmentFile {
    private let path: String?

    /// Collective over `node`, the ranks of this machine. Nothing is done where memory is shared in another way, or not all of
    /// it is mapped yet.
    init(node: MPI_Comm?, rank: Int, size: Int) throws {
        let maps = FileHandle(forReadingAtPath: "/proc/self/maps").flatMap { try? $0.readToEnd() } ?? Data()
        let files = Self.mappedFiles(String(decoding: maps, as: UTF8.self))
        var count = Int64(files.count)
        // No rank goes on before all have mapped what they will.
        try check(MPI_Allreduce(cmpi_in_place(), &count, 1, cmpi_int64(), cmpi_min(), node), "MPI_Allreduce")
        let local = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_LOCAL_RANK"] ?? String(rank)
        let own = files.filter { $0.path.hasSuffix(".\(local)") }
        guard count == size, files.count == size, own.count == 1 else {
            path = nil
            return
        }
        // Of the name only what is behind it: another file that has the name by now is not touched.
        var status = stat()
        let isOwn = lstat(own[0].path, &status) == 0 && UInt64(status.st_ino) == own[0].inode
        path = isOwn && unlink(own[0].path) == 0 ? own[0].path : nil
    }

    /// Gives the name back, before MPI_Finalize.
    func restore() {
        guard let path else { return }
        let file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
    }

    /// The files of `vader` in a text as /proc/PID/maps has it (proc(5)), each once.
    static func mappedFiles(_ maps: String) -> [(path: String, inode: UInt64)] {
        var files: [String: UInt64] = [:]
        for line in maps.split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard fields.count == 6, let inode = UInt64(fields[4]) else { continue }
            let path = fields[5].trimmingCharacters(in: .whitespaces)
            if (path as NSString).lastPathComponent.hasPrefix("vader_segment.") { files[path] = inode }
        }
        return files.map { ($0.key, $0.value) }
    }
}
