import Synchronization

/// An appended file of a run: whatever happens to it, the run goes on. The first failure is told, once, and each later
/// record is tried again.
final class RecordFile: Sendable {
    private struct State: ~Copyable {
        let file: AppendedFile
        var hasFailed = false
    }

    private let state: Mutex<State>
    private let onFailure: @Sendable (ReportingError) -> Void

    init(path: String, onFailure: @escaping @Sendable (ReportingError) -> Void) throws(ReportingError) {
        state = Mutex(State(file: try AppendedFile(path: path)))
        self.onFailure = onFailure
    }

    /// Appends a record whole or not at all; `durably` waits until the disk has it.
    func append(_ record: [UInt8], durably: Bool = false) {
        let failure = state.withLock { state -> ReportingError? in
            do throws(ReportingError) {
                try state.file.append(record)
                if durably { try state.file.synchronize() }
                return nil
            } catch {
                defer { state.hasFailed = true }
                return state.hasFailed ? nil : error
            }
        }
        if let failure { onFailure(failure) }
    }
}
