import MPI

/// A failure on one or more ranks that all ranks know of: they can end together, and rank 0 says why.
public struct AgreedFailure: Error, Sendable, CustomStringConvertible {
    /// The lowest rank that failed.
    public let rank: Int
    public let code: ExitCode
    public let message: String

    /// The message, with the rank where it is not obvious.
    public var description: String { rank == 0 ? message : "rank \(rank): \(message)" }
}

/// A failure that one group of ranks knows of and the others do not: unlike an `AgreedFailure` it ends all ranks at once.
struct GroupFailure: Error, CustomStringConvertible {
    let code: ExitCode
    let description: String

    /// - Parameter work: what the group was at, such as the name of a run.
    init(_ error: any Error, in work: String) {
        code = ExitCode(error)
        description = "\(work): \((error as? AgreedFailure)?.message ?? "\(error)")"
    }
}

extension Communicator {
    /// Collective: runs `body` on every rank. Where it throws on any of them, every rank throws the same `AgreedFailure`.
    ///
    /// `body` must not communicate, because ranks on which it throws would be missing.
    public func agreeing<Result>(_ body: () throws -> Result) throws -> Result {
        let outcome = Swift.Result { try body() }
        var report: [UInt8] = []
        if case .failure(let error) = outcome { report = [UInt8(ExitCode(error).rawValue)] + Array("\(error)".utf8) }
        let reports = try allGatherVariable(report)
        if let failed = reports.firstIndex(where: { !$0.isEmpty }) {
            throw AgreedFailure(
                rank: failed, code: ExitCode(rawValue: Int32(reports[failed][0])) ?? .failure,
                message: String(decoding: reports[failed].dropFirst(), as: UTF8.self))
        }
        return try outcome.get()
    }

    /// Collective: rank 0 runs `body`, which must not communicate, and every rank gets what it returns, as bytes.
    func fromRootRank(_ body: () throws -> [UInt8]) throws -> [UInt8] {
        var bytes = try agreeing { rank == 0 ? try body() : [] }
        try broadcast(&bytes, root: 0)
        return bytes
    }
}
