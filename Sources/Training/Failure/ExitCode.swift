import Checkpoints
import MPI
import MultiTaskBERT
import TaskData
import Tokenization

/// What the program tells its caller; the numbers are those of `sysexits.h` where it has one.
public enum ExitCode: Int32, Sendable {
    case done = 0
    /// A wrong command line or configuration.
    case wrongUsage = 64
    /// A data file, model or checkpoint that cannot be used.
    case badData = 65
    /// Anything that should not happen.
    case failure = 70
    /// Stopped by a signal or the time limit, behind a checkpoint if anything was trained: the same command goes on.
    case stopped = 75

    /// The code for an error.
    public init(_ error: any Error) {
        switch error {
        case let error as AgreedFailure: self = error.code
        case let error as GroupFailure: self = error.code
        case is StopError: self = .stopped
        case is ConfigurationError, is UsageError, is StepPlanError, is CheckpointUsageError: self = .wrongUsage
        case is TaskFileError, is TaskDatasetError, is ModelError, is TensorFileError, is TokenizerError,
            is DamagedCheckpointError:
            self = .badData
        default: self = .failure
        }
    }
}

/// A command that asks for something impossible; the text says what would be right.
public struct UsageError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// A run that cannot go on; its last checkpoint stands.
public struct RunError: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
