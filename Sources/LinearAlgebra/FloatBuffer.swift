import Foundation

/// Memory for `Float`s: aligned to a cache line, zeroed, freed with its last reference.
public final class FloatBuffer: @unchecked Sendable {
    public let view: VectorView

    /// - Parameter count: how many elements; zero is allowed.
    public init(count: Int) {
        let bytes = max(count * MemoryLayout<Float>.stride, 1)
        // Large buffers start on a huge-page boundary: fewer address translations in the products that walk them.
        let alignment = bytes >= Self.hugePage ? Self.hugePage : 64
        var raw: UnsafeMutableRawPointer?
        guard posix_memalign(&raw, alignment, bytes) == 0, let raw else {
            fatalError("out of memory: \(bytes) bytes were asked for")
        }
        if alignment == Self.hugePage { madvise(raw, bytes, Self.adviseHugePages) }
        memset(raw, 0, bytes)
        view = VectorView(raw.bindMemory(to: Float.self, capacity: count), count: count)
    }

    deinit { free(view.base) }

    private static let hugePage = 2 << 20
    /// `MADV_HUGEPAGE` of Linux.
    private static let adviseHugePages: Int32 = 14
}

/// Scratch memory that grows to the largest size asked for and is then reused: no allocation in the steady state.
public final class GrowingBuffer: @unchecked Sendable {
    private var own: FloatBuffer?
    /// Of the arena.
    private var piece = VectorView(UnsafeMutablePointer(bitPattern: 64)!, count: 0)
    private let arena: MemoryArena?

    /// - Parameter arena: where the memory comes from as long as it gives some; memory of its own where nil.
    public init(in arena: MemoryArena? = nil) { self.arena = arena }

    /// The first `count` elements. What they held before is lost where the memory has to grow, or was asked for in another size.
    public func vector(_ count: Int) -> VectorView {
        if count <= piece.count { return piece.slice(0..<count) }
        if let piece = arena?.take(count) {
            self.piece = piece
            return piece.slice(0..<count)
        }
        if let own, count <= own.view.count { return own.view.slice(0..<count) }
        let buffer = FloatBuffer(count: count + count / 8)
        own = buffer
        return buffer.view.slice(0..<count)
    }

    /// The memory as a matrix without gaps.
    public func matrix(rows: Int, columns: Int) -> MatrixView {
        vector(rows * columns).matrix(rows: rows, columns: columns)
    }
}
