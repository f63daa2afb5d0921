import Foundation

/// Memory for `Float`s that is zero and costs nothing until it is written: pages that are never touched are never there.
///
/// For flat buffers of which a rank uses its own ranges only, at the places where they lie in every other flat buffer.
public final class PagedBuffer: @unchecked Sendable {
    public let view: VectorView

    /// - Parameters:
    ///   - count: how many elements; zero is allowed.
    ///   - sparseCount: so many elements at the start are written here and there; what follows is large and written as a whole, and
    ///     gets huge pages.
    public init(count: Int, sparseCount: Int = 0) {
        let bytes = max(count * MemoryLayout<Float>.stride, 1)
        // Nothing is set aside for pages that stay untouched.
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), raw != MAP_FAILED else {
            fatalError("out of memory: \(bytes) bytes were asked for")
        }
        let start = (Int(bitPattern: raw) + 4 * sparseCount + Self.hugePage - 1) / Self.hugePage * Self.hugePage
        if let start = UnsafeMutableRawPointer(bitPattern: start), start < raw + bytes {
            madvise(start, raw + bytes - start, Self.adviseHugePages)
        }
        view = VectorView(raw.bindMemory(to: Float.self, capacity: count), count: count)
    }

    /// Whole pages of elements that are zero take no memory any more, until they are written again.
    public func giveBack(_ range: Range<Int>) {
        let all = UnsafeMutableRawPointer(view.base)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let first = (4 * range.lowerBound + page - 1) / page * page
        let end = 4 * range.upperBound / page * page
        if first < end { madvise(all + first, end - first, MADV_DONTNEED) }
    }

    private static let hugePage = 2 << 20
    /// `MADV_HUGEPAGE` of Linux.
    private static let adviseHugePages: Int32 = 14

    deinit { munmap(view.base, max(view.count * MemoryLayout<Float>.stride, 1)) }
}
