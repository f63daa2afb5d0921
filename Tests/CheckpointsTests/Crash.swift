import Checkpoints
import Foundation
import Synchronization

/// The end of the world before the file-system operation of a given number.
final class Crash: Sendable {
    enum Ending: CaseIterable {
        /// One operation fails, as on a full disk; the process lives on.
        case failure
        /// The process dies: what it did up to then stands.
        case process
        /// The machine dies: files lose what was written since they were last synced.
        case power
        /// The machine dies: besides, folders lose the names that changed since they were last synced.
        case powerAndNames
    }
    struct Stop: Error {}

    /// A name that its folder has not brought to disk.
    private enum Change {
        case created(String)
        case renamed(from: String, to: String, replacedLink: String?)
    }
    private struct State {
        var count = 0
        var place: FileOperations.Operation?
        var unsyncedFiles: Set<String> = []
        var changes: [Change] = []
    }

    let number: Int
    let ending: Ending
    private let state = Mutex(State())

    init(at number: Int, _ ending: Ending) {
        self.number = number
        self.ending = ending
    }

    /// The operation at which the crash happened.
    var place: FileOperations.Operation? { state.withLock { $0.place } }

    func before(_ operation: FileOperations.Operation) throws {
        try state.withLock { state in
            defer { state.count += 1 }
            if state.count == number {
                state.place = operation
                throw ending == .failure ? FileSystemError("write", operation.path, code: ENOSPC) : Stop() as any Error
            }
            if state.place != nil, ending != .failure { throw Stop() }
            Self.record(operation, in: &state)
        }
    }

    private static func record(_ operation: FileOperations.Operation, in state: inout State) {
        let path = operation.path
        switch operation.kind {
        case .createFolder, .createFile, .link: state.changes.append(.created(path))
        case .write: state.unsyncedFiles.insert(path)
        case .syncFile: state.unsyncedFiles.remove(path)
        case .rename:
            let source = operation.source ?? ""
            let replaced = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            state.changes.append(.renamed(from: source, to: path, replacedLink: replaced))
            state.unsyncedFiles = Set(state.unsyncedFiles.map { moved($0, from: source, to: path) })
        case .syncFolder:
            while let index = state.changes.firstIndex(where: { isName($0, in: path) }) {
                if case .renamed(let source, let target, _) = state.changes.remove(at: index) {
                    state.changes = state.changes.enumerated().map { place, change in
                        guard place < index, case .created(let name) = change else { return change }
                        return .created(moved(name, from: source, to: target))
                    }
                }
            }
        case .removeFile, .removeFolder: break
        }
    }

    /// Takes away what the machine would have lost.
    func losePower() throws {
        guard ending == .power || ending == .powerAndNames else { return }
        try state.withLock { state in
            let files = FileManager.default
            for path in state.unsyncedFiles where files.fileExists(atPath: path) {
                try Data().write(to: URL(fileURLWithPath: path))
            }
            guard ending == .powerAndNames else { return }
            for change in state.changes.reversed() {
                switch change {
                case .created(let path): try? files.removeItem(atPath: path)
                case .renamed(let source, let target, let replacedLink):
                    try files.moveItem(atPath: target, toPath: source)
                    if let replacedLink {
                        try files.createSymbolicLink(atPath: target, withDestinationPath: replacedLink)
                    }
                }
            }
        }
    }

    private static func isName(_ change: Change, in folder: String) -> Bool {
        switch change {
        case .created(let path), .renamed(_, let path, _): (path as NSString).deletingLastPathComponent == folder
        }
    }

    private static func moved(_ path: String, from source: String, to target: String) -> String {
        path == source || path.hasPrefix(source + "/") ? target + path.dropFirst(source.count) : path
    }
}
