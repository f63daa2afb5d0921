import Dispatch

/// Calls `body` with each number below `count`, on as many threads as there are processors for, and returns when all are done:
/// none may wait for another one.
public func onThreads(_ count: Int, _ body: @Sendable (_ thread: Int) -> Void) {
    if count <= 1 { return body(0) }
    DispatchQueue.concurrentPerform(iterations: count, execute: body)
}

extension Range<Int> {
    /// One of `count` parts, which differ by one element at most and come one after the other.
    public func part(_ index: Int, of count: Int) -> Range<Int> {
        lowerBound + self.count * index / count..<lowerBound + self.count * (index + 1) / count
    }
}
