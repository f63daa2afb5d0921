import Foundation

/// Makes elements on a thread of its own, a bounded number ahead of their use.
///
/// Letting go of the prefetcher, or `cancel()`, ends the thread after the element that it is at.
package final class Prefetcher<Element: Sendable>: Sendable {
    private let queue: BoundedQueue<Element>

    /// - Parameters:
    ///   - depth: the most elements ready at a time.
    ///   - makeProducer: called once on the new thread; what it returns gives the elements in order, nil at the end.
    package init(depth: Int, name: String, makeProducer: @escaping @Sendable () -> () throws -> Element?) {
        precondition(depth > 0, "a prefetcher needs room for one element")
        let queue = BoundedQueue<Element>(capacity: depth)
        self.queue = queue
        let thread = Thread {
            let produce = makeProducer()
            while !queue.isClosed {
                do {
                    guard let element = try produce() else { return queue.finish(.success(())) }
                    queue.append(element)
                } catch {
                    return queue.finish(.failure(error))
                }
            }
        }
        thread.name = name
        thread.start()
    }

    deinit {
        queue.close()
    }

    /// The next element, waiting for it if need be; nil behind the last one and after `cancel()`.
    ///
    /// - Throws: what the producer threw, after all elements made before it.
    package func next() throws -> Element? {
        try queue.removeFirst()
    }

    package func cancel() {
        queue.close()
    }
}

/// A queue between two threads: appending waits for room, removing waits for an element.
///
/// `@unchecked Sendable`: everything mutable is only touched while `condition` is locked.
private final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private let capacity: Int
    private var elements: [Element] = []
    private var end: Result<Void, any Error>?
    private var closed = false

    init(capacity: Int) {
        self.capacity = capacity
    }

    var isClosed: Bool { condition.withLock { closed } }

    /// Waits for room; does nothing once the queue is closed.
    func append(_ element: Element) {
        condition.withLock {
            while elements.count >= capacity && !closed { condition.wait() }
            guard !closed else { return }
            elements.append(element)
            condition.broadcast()
        }
    }

    /// Waits for an element or the end.
    func removeFirst() throws -> Element? {
        try condition.withLock {
            while elements.isEmpty && end == nil && !closed { condition.wait() }
            guard !closed else { return nil }
            guard !elements.isEmpty else {
                try end?.get()
                return nil
            }
            defer { condition.broadcast() }
            return elements.removeFirst()
        }
    }

    func finish(_ result: Result<Void, any Error>) {
        condition.withLock {
            end = result
            condition.broadcast()
        }
    }

    func close() {
        condition.withLock {
            closed = true
            elements.removeAll()
            condition.broadcast()
        }
    }
}
