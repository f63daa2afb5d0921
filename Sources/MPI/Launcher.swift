import Foundation

/// The `mpirun` that started this process on this machine, for when it is ended by SIGKILL: its ranks notice only seconds later,
/// and its own folder stays.
public struct Launcher: Sendable {
    /// Its folder, `…/ompi.HOST.USER/pid.NUMBER`, and its number.
    private let folder: String
    private let process: pid_t
    private let isParent: Bool

    /// Nil where this process was started by hand, by another launcher, or by the `mpirun` of another machine, whose daemon
    /// tidies up here.
    public init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard environment["OMPI_COMM_WORLD_SIZE"] != nil, let folder = environment["OMPI_MCA_orte_jobfam_session_dir"]
        else { return nil }
        let parts = folder.split(separator: "/").suffix(2)
        guard parts.count == 2, parts[parts.startIndex].hasPrefix("ompi."), let name = parts.last,
            name.hasPrefix("pid."), let process = pid_t(name.dropFirst(4)), process > 1
        else { return nil }
        (self.folder, self.process, isParent) = (folder, process, getppid() == process)
    }

    /// Whether it is no more.
    public var isGone: Bool {
        // A process that nobody has waited for yet still has its number, but no children.
        isParent && getppid() != process || kill(process, 0) != 0 && errno == ESRCH
    }

    /// Deletes its folder once it is gone, and the one above where nothing else is in it.
    public func removeFiles() {
        var status = stat()
        guard isGone, lstat(folder, &status) == 0, status.st_uid == geteuid(), status.st_mode & S_IFMT == S_IFDIR else {
            return
        }
        // Other ranks are at it too.
        try? FileManager.default.removeItem(atPath: folder)
        rmdir((folder as NSString).deletingLastPathComponent)
    }
}
