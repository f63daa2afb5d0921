import Foundation

/// The room for memory that ranks share, which Linux backs with the file system at /dev/shm.
enum SharedMemorySpace {
    /// Bytes; nil where there is no such file system.
    static var size: Int? { space.map { Int($0.f_blocks) * Int($0.f_frsize) } }
    static var free: Int? { space.map { Int($0.f_bavail) * Int($0.f_frsize) } }

    /// Whether so many bytes are free there.
    static func has(_ byteCount: Int) -> Bool { free.map { suffices($0, for: byteCount) } ?? false }

    /// With a tenth to spare.
    static func suffices(_ free: Int, for byteCount: Int) -> Bool { free > byteCount / 10 * 11 }

    private static var space: statvfs? {
        var space = statvfs()
        return statvfs("/dev/shm", &space) == 0 ? space : nil
    }
}
