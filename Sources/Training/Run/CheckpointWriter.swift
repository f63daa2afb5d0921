import Checkpoints
import Foundation
import LinearAlgebra
import MPI
import Metrics

/// Writes checkpoints off the training path: the numbers are copied, training goes on, and a thread of rank 0 writes the copy.
///
/// At most one checkpoint is being written. Where the disk is slower than the checkpoints come, the next one waits for it and
/// the user is told.
final class CheckpointWriter {
    private let run: TrainingRun
    private let store: CheckpointStore
    private var snapshot: Snapshot?
    private var pending: Save?
    /// The state that was saved last, or that the run goes on from.
    private(set) var savedState: TrainerState?

    init(_ run: TrainingRun) {
        self.run = run
        store = run.store
        if let origin = run.resumedFrom, origin == store.checkpoint(step: run.state.step) { savedState = run.state }
    }

    /// Collective: copies the run's state and begins to write it on rank 0. Waits where the one before is not done.
    ///
    /// - Parameter links: names that shall point to it, such as `best`.
    func begin(links: [String], _ reporter: RootReporter) throws {
        try run.watch.enter(.saving, step: run.state.step)
        savedState = run.state
        if let pending {
            pending.wait(atMost: 1)
            if !pending.isDone {
                reporter.warning(
                    "the checkpoint of step \(pending.state.step) is still being written: training waits for the disk")
            }
        }
        try finish(reporter)
        let snapshot = snapshot ?? Snapshot(run)
        self.snapshot = snapshot
        try snapshot.take(run)
        guard run.isRoot else { return }
        let files = try CheckpointContents(run).smallFiles(links: links)
        let folder = RunFolder(path: run.configuration.output)
        let processors = run.placement.machines[0].processors
        let save = Save(store, folder, run.state, files, snapshot, run.watch, processors: processors, links: links)
        run.watch.beforeEnding { save.wait(atMost: 5) }
        pending = save
    }

    /// Reports a checkpoint that has been written meanwhile; does not wait.
    func poll(_ reporter: RootReporter) throws {
        if let pending, pending.isDone { try finish(reporter) }
    }

    /// Waits for the checkpoint that is being written, if any.
    ///
    /// - Throws: what went wrong with it. The checkpoints before it stand.
    func finish(_ reporter: RootReporter) throws {
        guard let save = pending else { return }
        pending = nil
        do {
            reporter.record(.checkpoint(try save.wait()))
        } catch {
            throw RunError("the checkpoint of step \(save.state.step) could not be written: \(error). Older ones stand")
        }
    }
}

/// A copy of parameters and moments; the moments of all ranks are gathered on rank 0.
///
/// `@unchecked Sendable`: it is not taken again before the thread that writes it is done.
private final class Snapshot: @unchecked Sendable {
    let layout: CheckpointContents
    let parameters, first, second: FloatBuffer

    init(_ run: TrainingRun) {
        layout = CheckpointContents(run)
        let count = run.isRoot ? run.model.layout.count : 0
        (parameters, first, second) = (FloatBuffer(count: count), FloatBuffer(count: count), FloatBuffer(count: count))
    }

    /// Collective.
    func take(_ run: TrainingRun) throws {
        let (communicator, exchange) = (run.communicator, run.replica.exchange)
        if run.isRoot { parameters.view.copy(from: exchange.parameters) }
        if run.isRoot, run.watch.isSpoiled(.saving, step: run.state.step) { parameters.view.elements[0] = .nan }
        for (target, own) in zip([first.view, second.view], run.replica.moments) {
            guard run.isRoot else {
                for part in own { try communicator.send(UnsafeRawBufferPointer(part.bytes), to: 0, tag: 2) }
                continue
            }
            for (range, part) in zip(exchange.ranges.ranges(of: 0), own) { target.slice(range).copy(from: part) }
            for rank in 1..<max(1, communicator.size) {
                for range in exchange.ranges.ranges(of: rank) {
                    try communicator.receive(into: target.slice(range).bytes, from: rank, tag: 2)
                }
            }
        }
    }
}

/// A checkpoint that a thread of its own is writing.
private final class Save: Sendable {
    let state: TrainerState
    private let outcome = Outcome()

    init(
        _ store: CheckpointStore, _ folder: RunFolder, _ state: TrainerState,
        _ files: [(name: String, contents: [UInt8])],
        _ snapshot: Snapshot, _ watch: RankWatch, processors: [Int], links: [String]
    ) {
        self.state = state
        let outcome = outcome
        Thread.detachNewThread {
            let began = Date()
            // Bound to rank 0's core alone, the thread would take all of its time from that rank, and the others wait for it.
            letThisThreadRun(on: processors)
            outcome.set(
                Result {
                    try folder.requirePresence()
                    let draft = try store.begin(step: state.step)
                    do {
                        try snapshot.layout.writeTensors(
                            to: draft, parameters: snapshot.parameters.view, first: snapshot.first.view,
                            second: snapshot.second.view)
                        for file in files { try draft.add(file: file.name, file.contents) }
                        try watch.strike(.writing, step: state.step)
                        let checkpoint = try draft.commit(links: links)
                        return RunEvent.Checkpoint(
                            step: state.step, path: checkpoint.path, bytes: snapshot.layout.byteCount(files),
                            seconds: Date().timeIntervalSince(began))
                    } catch {
                        try? draft.discard()
                        throw error
                    }
                })
        }
    }

    var isDone: Bool { outcome.isSet }

    func wait() throws -> RunEvent.Checkpoint { try outcome.get() }

    /// Waits for it to end or fail, but not longer than so many seconds.
    func wait(atMost seconds: Double) { outcome.wait(until: Date(timeIntervalSinceNow: seconds)) }

    private final class Outcome: @unchecked Sendable {
        private let condition = NSCondition()
        private var result: Result<RunEvent.Checkpoint, any Error>?

        var isSet: Bool { condition.withLock { result != nil } }

        func set(_ value: Result<RunEvent.Checkpoint, any Error>) {
            condition.withLock {
                result = value
                condition.broadcast()
            }
        }

        func wait(until limit: Date) {
            condition.withLock {
                while result == nil, condition.wait(until: limit) {}
            }
        }

        func get() throws -> RunEvent.Checkpoint {
            try condition.withLock {
                while true {
                    if let result { return try result.get() }
                    condition.wait()
                }
            }
        }
    }
}

extension VectorView {
    /// The elements' memory, for communication.
    var bytes: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: base, count: count * MemoryLayout<Float>.stride)
    }
}
