import Metrics
import TaskData

/// Passes events on from rank 0 only.
struct RootReporter {
    let isRoot: Bool
    let observer: any RunObserver

    func record(_ event: RunEvent) { if isRoot { observer.record(event) } }
    func phase(_ name: String) { record(.phase(name)) }
    func warning(_ text: String) { record(.warning(text)) }

    func droppedRows(_ dataset: TaskDataset) {
        for file in [dataset.train, dataset.dev, dataset.test].compactMap({ $0 }) where file.droppedCount > 0 {
            let first = file.firstDropped.first.map { "; the first: \($0)" } ?? ""
            warning("task \(dataset.name): \(file.droppedCount) bad rows of \(file.name) were left out\(first)")
        }
    }
}

extension RankWatch {
    /// Collective: a part of loading. Where a rank was asked to stop, all do, with nothing lost.
    func loading<Result>(_ name: String, _ reporter: RootReporter, _ body: () throws -> Result) throws -> Result {
        reporter.phase(name)
        return try communicator.agreeing {
            try requireTime()
            return try body()
        }
    }

    /// - Throws: `StopError` where a stop is asked for.
    func requireTime() throws {
        if !goesOn() {
            throw StopError("stopped while loading: nothing is lost, and the same command starts again")
        }
    }
}
