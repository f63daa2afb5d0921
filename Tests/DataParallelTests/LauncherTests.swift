import Foundation
import MPI
import Testing

/// What a killed `mpirun` leaves is deleted, and nothing else.
@Suite final class LauncherTests {
    let folder = NSTemporaryDirectory() + "launcher-" + UUID().uuidString

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func session(_ path: String) throws -> [String: String] {
        try FileManager.default.createDirectory(
            atPath: "\(folder)/\(path)/inner", withIntermediateDirectories: true)
        return ["OMPI_COMM_WORLD_SIZE": "2", "OMPI_MCA_orte_jobfam_session_dir": "\(folder)/\(path)"]
    }

    /// The number of a process that has ended.
    private static func goneProcess() throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/true")
        try process.run()
        process.waitUntilExit()
        return process.processIdentifier
    }

    @Test func theFolderOfADeadOneGoes() throws {
        let launcher = try #require(Launcher(environment: session("ompi.host.0/pid.\(Self.goneProcess())")))
        #expect(launcher.isGone)
        launcher.removeFiles()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }

    @Test func thoseOfOthersStay() throws {
        _ = try session("ompi.host.0/pid.\(getpid())")
        let launcher = try #require(Launcher(environment: session("ompi.host.0/pid.\(Self.goneProcess())")))
        launcher.removeFiles()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/ompi.host.0") == ["pid.\(getpid())"])
    }

    @Test func thatOfALivingOneStays() throws {
        let launcher = try #require(Launcher(environment: session("ompi.host.0/pid.\(getpid())")))
        #expect(!launcher.isGone)
        launcher.removeFiles()
        #expect(FileManager.default.fileExists(atPath: "\(folder)/ompi.host.0/pid.\(getpid())/inner"))
    }

    @Test func aLinkIsNotFollowed() throws {
        let process = try Self.goneProcess()
        let environment = try session("ompi.host.0/pid.\(process)")
        try FileManager.default.moveItem(atPath: "\(folder)/ompi.host.0/pid.\(process)", toPath: folder + "/precious")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder)/ompi.host.0/pid.\(process)", withDestinationPath: folder + "/precious")
        Launcher(environment: environment)?.removeFiles()
        #expect(FileManager.default.fileExists(atPath: folder + "/precious/inner"))
    }

    @Test(arguments: [
        "ompi.host.0/jf.1", "ompi.host.0/pid.1", "ompi.host.0/pid.x", "other/pid.7", "pid.-5", "ompi.host.0/pid.0",
    ])
    func otherFoldersAreNoneOfItsBusiness(_ path: String) throws {
        let launcher = try Launcher(environment: session(path))
        #expect(launcher == nil)
        #expect(Launcher(environment: ["OMPI_MCA_orte_jobfam_session_dir": "/tmp/ompi.h.0/pid.7"]) == nil)
    }
}
