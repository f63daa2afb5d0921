import Foundation

/// Memory for `Float`s that is zero and costs nothing until it is written: pages that are never touched are never there.
///
/// For flat buffers of which a rank uses its own ranges only, at the places where they lie in every other flat buffer.
public final class PagedBuffer: @unchecked Sendable {
    public let view: VectorView

    /// - Parameter count: how many elements; zero is allowed.
    public init(count: Int) {
        let bytes = max(count * MemoryLayout<Float>.stride, 1)
        // Nothing is set aside for pages that stay untouched.
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), raw != MAP_FAILED else {
            fatalError("out of memory: \(bytes) bytes were asked for")
        }
        view = VectorView(raw.bindMemory(to: Float.self, capacity: count), count: count)
    }

    deinit { munmap(view.base, max(view.count * MemoryLayout<Float>.stride, 1)) }
}
