/// Immutable memory that hot loops read through a plain pointer; filled once, freed with its last reference.
///
/// Subscripts of `values` are checked in debug builds only: whoever reads keeps its indices inside `values.count`.
final class FlatTable<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
    let values: UnsafeBufferPointer<Element>

    init(_ elements: [Element]) {
        let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = memory.initialize(from: elements)
        values = UnsafeBufferPointer(memory)
    }

    deinit { values.deallocate() }
}
