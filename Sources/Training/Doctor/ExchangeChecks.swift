import Foundation

/// Room for the memory that the ranks of a machine share.
package struct SharedMemoryCheck: Check {
    package let topic = "/dev/shm"
    package var ranks: [RankFacts]
    /// Bytes, of all ranks together.
    package var needed: Int

    package init(ranks: [RankFacts], needed: Int) { (self.ranks, self.needed) = (ranks, needed) }

    package var findings: [Finding] {
        if ranks.count == 1 { return [ok("not needed by one rank")] }
        if Set(ranks.map(\.machine)).count > 1 { return [ok("not needed: ranks on several machines send messages")] }
        guard let free = ranks.compactMap(\.sharedMemoryFree).min(), ranks.allSatisfy({ $0.sharedMemoryFree != nil })
        else {
            return [warning("there is none, so that ranks send messages, which is slower", "mount a tmpfs at /dev/shm")]
        }
        let size = ranks[0].sharedMemorySize ?? 0
        guard SharedMemorySpace.suffices(free, for: needed) else {
            return [
                warning(
                    "\(sizeText(free)) of \(sizeText(size)) are free, and \(sizeText(needed)) are needed: ranks send "
                        + "messages instead, which is slower",
                    "give it room: docker run --shm-size=\(((needed / 10 * 11) >> 30) + 1)g, or mount -o remount,size=… /dev/shm"
                )
            ]
        }
        return [ok("\(sizeText(free)) of \(sizeText(size)) are free, \(sizeText(needed)) are needed")]
    }
}

/// Whether ranks may copy straight out of each other's memory, as Open MPI's `vader` would like to.
package struct SingleCopyCheck: Check {
    package let topic = "single copy"
    package var ranks: [RankFacts]

    package init(ranks: [RankFacts]) { self.ranks = ranks }

    package var findings: [Finding] {
        if let mechanism = ranks.compactMap(\.singleCopyMechanism).first(where: { $0 != "cma" }) {
            return [ok("set to \(mechanism): messages inside a machine are copied through shared memory")]
        }
        let tried = ranks.compactMap(\.readError)
        if tried.isEmpty { return [ok("not needed: no machine has two ranks")] }
        guard let code = tried.first(where: { $0 != 0 }), let rank = ranks.first(where: { $0.readError == code }) else {
            return [ok("ranks may read each other's memory")]
        }
        let cause =
            if rank.traceScope > 0, !rank.mayTrace {
                "kernel.yama.ptrace_scope is \(rank.traceScope)"
            } else if rank.isFiltered {
                "a filter of system calls, as containers have, forbids it"
            } else {
                "ranks run as different users or in different namespaces"
            }
        return [
            warning(
                "ranks may not read each other's memory (\(String(cString: strerror(code))): \(cause)); Open MPI complains or fails",
                "mpirun --mca btl_vader_single_copy_mechanism none (run.sh does so in containers), or allow it: docker run "
                    + "--cap-add=SYS_PTRACE")
        ]
    }
}

/// How fast bytes get from rank to rank.
package struct ExchangeSpeedCheck: Check {
    package let topic = "exchange"
    package var speed: ExchangeSpeed
    /// Bytes of the gradient that is exchanged in every step; nil where no model is known.
    package var gradient: Int?
    package var areFar: Bool

    package init(speed: ExchangeSpeed, gradient: Int?, areFar: Bool) {
        (self.speed, self.gradient, self.areFar) = (speed, gradient, areFar)
    }

    package var findings: [Finding] {
        guard speed.bandwidth > 0 else { return [ok("nothing to exchange with one rank")] }
        func rate(_ bytes: Double) -> String { "\((bytes / 1e8).rounded() / 10) GB/s" }
        let shared = speed.sharedBandwidth.map { ", shared memory \(rate($0))" } ?? ""
        let text = "messages \(rate(speed.bandwidth)) a rank and \(Int((speed.latency * 1e6).rounded())) µs\(shared)"
        // Sum and parameters: twice the buffer, whatever the number of ranks.
        let seconds = gradient.map { 2 * Double($0) / (speed.sharedBandwidth ?? speed.bandwidth) }
        var findings = [ok(text + (seconds.map { "; some \(Int(($0 * 1e3).rounded())) ms of each step" } ?? ""))]
        if areFar, speed.bandwidth < 5e8 {
            findings.append(
                warning(
                    "the network between the machines is slow for training",
                    "name a faster one: mpirun --mca btl_tcp_if_include eth1; or use fewer machines and larger batches")
            )
        }
        if speed.latency > 2e-3 {
            findings.append(
                warning(
                    "a message takes \(Int(speed.latency * 1e3)) ms",
                    "give every rank a core of its own; see cores above"))
        }
        return findings
    }
}
