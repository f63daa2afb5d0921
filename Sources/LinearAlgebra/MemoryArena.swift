/// Memory that is handed out piece by piece and never comes back: for buffers that others are to see.
///
/// One thread uses it at a time.
public final class MemoryArena: @unchecked Sendable {
    private let memory: VectorView
    private var used = 0
    /// How often there was not enough left.
    package private(set) var refusals = 0

    /// - Parameter memory: zeros, aligned to a cache line.
    public init(_ memory: VectorView) { self.memory = memory }

    /// A piece of at least `count` elements, zeros, aligned to a cache line; nil where not enough is left.
    ///
    /// It has twice the size where there is room, because buffers grow with the longest batch so far: of shared memory, pages
    /// that nobody touches are never there. A page that is touched for the first time costs microseconds, so that is done here
    /// for somewhat more than was asked for.
    func take(_ count: Int) -> VectorView? {
        let needed = (count + laneCount - 1) / laneCount * laneCount
        let size = used + 2 * needed <= memory.count ? 2 * needed : needed
        guard used + size <= memory.count else {
            refusals += 1
            return nil
        }
        defer { used += size }
        let piece = memory.slice(used..<used + size)
        piece.slice(0..<min(size, needed + needed / 4)).fill(0)
        return piece
    }
}
