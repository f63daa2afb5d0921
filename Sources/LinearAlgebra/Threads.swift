import Dispatch
import Synchronization

/// Calls `body` with each number below `count`, on as many threads, and returns when all are done.
public func onThreads(_ count: Int, _ body: @Sendable (_ thread: Int) -> Void) {
    if count <= 1 { return body(0) }
    DispatchQueue.concurrentPerform(iterations: count, execute: body)
}

/// What `body` gives for each element, in their order; each thread has consecutive ones.
public func mapOnThreads<Element: Sendable, Result: Sendable>(
    _ elements: [Element], threads: Int, _ body: @Sendable (Element) -> Result
) -> [Result] {
    let parts = Mutex([[Result]](repeating: [], count: max(threads, 1)))
    onThreads(threads) { thread in
        let own = elements[elements.indices.part(thread, of: max(threads, 1))].map(body)
        parts.withLock { $0[thread] = own }
    }
    return parts.withLock { $0.flatMap { $0 } }
}

extension Range<Int> {
    /// One of `count` parts, which differ by one element at most and come one after the other.
    public func part(_ index: Int, of count: Int) -> Range<Int> {
        lowerBound + self.count * index / count..<lowerBound + self.count * (index + 1) / count
    }
}
