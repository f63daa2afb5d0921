import Dispatch

/// Where the time of forward and backward passes goes.
public struct PassProfile: Sendable {
    public enum Part: String, Sendable, CaseIterable {
        /// Matrix products with weights, and the sums over shards that are part of the weight gradients.
        case products
        /// The sums over shards of all other gradients, and over batches.
        case shardSum = "shard_sum"
        case attention
        /// Biases, activation functions, dropout, residual sums and layer normalisation.
        case elementwise
        case embedding
        /// The pooler and the classification heads.
        case heads
    }

    private var nanoseconds: [Part: UInt64] = [:]
    /// Of all forward passes, and of all backward passes.
    public private(set) var seconds: (forward: Double, backward: Double) = (0, 0)

    public init() {}

    public subscript(part: Part) -> Double { Double(nanoseconds[part, default: 0]) / 1e9 }

    /// Runs `body` and counts its time towards `part`.
    @inline(__always)
    mutating func measure<Result>(_ part: Part, _ body: () throws -> Result) rethrows -> Result {
        let start = DispatchTime.now().uptimeNanoseconds
        defer { nanoseconds[part, default: 0] += DispatchTime.now().uptimeNanoseconds - start }
        return try body()
    }

    mutating func addForward(since start: UInt64) { seconds.forward += Self.elapsed(since: start) }
    mutating func addBackward(since start: UInt64) { seconds.backward += Self.elapsed(since: start) }

    static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

    private static func elapsed(since start: UInt64) -> Double { Double(now - start) / 1e9 }
}
