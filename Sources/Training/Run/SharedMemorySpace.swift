import Foundation

/// The room for memory that ranks share, which Linux backs with the file system at /dev/shm.
enum SharedMemorySpace {
    /// Whether so many bytes are free there, with a tenth to spare.
    static func has(_ byteCount: Int) -> Bool {
        var space = statvfs()
        guard statvfs("/dev/shm", &space) == 0 else { return false }
        return Int(space.f_bavail) * Int(space.f_frsize) > byteCount / 10 * 11
    }
}
