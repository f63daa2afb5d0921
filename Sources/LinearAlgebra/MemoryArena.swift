/// Memory that is handed out piece by piece and never comes back: for buffers that others are to see.
///
/// One thread uses it at a time.
public final class MemoryArena: @unchecked Sendable {
    private let memory: VectorView
    private var used = 0
    /// How many times as much a piece is to hold as it is asked for. Below 1 no piece is handed out: that is for batches larger
    /// than the arena is made for, which are to leave it as it is.
    public var growth = 1.0
    /// How often there was not enough left.
    package private(set) var refusals = 0

    /// - Parameter memory: zeros, aligned to a cache line.
    public init(_ memory: VectorView) { self.memory = memory }

    /// A piece of `growth` times `count` elements, less where there is not so much left, but of `count` at least; zeros, aligned
    /// to a cache line. Nil where not enough is left, or none is handed out.
    ///
    /// Of shared memory, pages that nobody touches are never there. A page that is touched for the first time costs
    /// microseconds, so that is done here for somewhat more than was asked for.
    func take(_ count: Int) -> VectorView? {
        guard growth >= 1 else { return nil }
        func lines(_ count: Int) -> Int { (count + laneCount - 1) / laneCount * laneCount }
        let size = max(lines(count), min(lines(Int((growth * Double(count)).rounded(.up))), memory.count - used))
        guard used + size <= memory.count else {
            refusals += 1
            return nil
        }
        defer { used += size }
        let piece = memory.slice(used..<used + size)
        piece.slice(0..<min(size, count + count / 4)).fill(0)
        return piece
    }
}
