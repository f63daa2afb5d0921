import Foundation
import MPI

/// `process_vm_readv(2)`, which Swift's headers lack.
private typealias ReadMemory =
    @convention(c) (
        pid_t, UnsafePointer<iovec>, UInt, UnsafePointer<iovec>, UInt, UInt
    ) -> Int

/// Collective: whether this rank can read the memory of the next one on its machine, as Open MPI's `vader` does.
///
/// - Returns: 0, the error's number, or nil without a neighbour.
func readErrorOfNeighbour(_ communicator: any Communicator) throws -> Int32? {
    let place = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    defer { place.deallocate() }
    place.pointee = 0x6D74_6265_7274
    let all = try communicator.allGather([communicator.machine, Int(getpid()), Int(bitPattern: place)])
    let ranks = (0..<communicator.size).map { (communicator.rank + $0) % communicator.size }
    var result: Int32?
    let symbol = dlsym(nil, "process_vm_readv").map { unsafeBitCast($0, to: ReadMemory.self) }
    if let symbol, let other = ranks.dropFirst().first(where: { all[3 * $0] == communicator.machine }) {
        var found: UInt64 = 0
        let count = withUnsafeMutableBytes(of: &found) { bytes in
            var local = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            var remote = iovec(iov_base: UnsafeMutableRawPointer(bitPattern: all[3 * other + 2]), iov_len: bytes.count)
            return symbol(pid_t(all[3 * other + 1]), &local, 1, &remote, 1, 0)
        }
        result = count == 8 && found == place.pointee ? 0 : count < 0 ? errno : EFAULT
    }
    // Nobody lets go of its memory before all have read.
    try communicator.barrier()
    return result
}
