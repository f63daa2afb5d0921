import Glibc

/// A file of tensors that cannot be read or written as asked.
public struct TensorFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The path as it was given.
    public let file: String
    /// The tensor at fault, or nil where the file as a whole is.
    public let tensor: String?
    /// What is wrong and what would be right, as the rest of a sentence.
    public let problem: String

    package init(file: String, tensor: String? = nil, _ problem: String) {
        self.file = file
        self.tensor = tensor
        self.problem = problem
    }

    public var description: String {
        guard let tensor else { return "\(file): \(problem)" }
        return "\(file): tensor \(quoted(tensor)) \(problem)"
    }
}

/// A call to the operating system that failed.
public struct FileSystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was tried, as in "cannot …".
    public let action: String
    public let path: String
    /// The value of `errno`.
    public let code: Int32

    package init(_ action: String, _ path: String, code: Int32 = errno) {
        self.action = action
        self.path = path
        self.code = code
    }

    public var description: String { "cannot \(action) \(path): \(String(cString: strerror(code)))" }
}

/// A checkpoint folder that is not what its `SHA256SUMS` says.
public struct DamagedCheckpointError: Error, Sendable, Equatable, CustomStringConvertible {
    public let path: String
    /// One entry for each fault, beginning with the file's name.
    public let faults: [String]

    public var description: String { "\(path) is damaged: \(faults.joined(separator: "; "))" }
}

/// A request that a checkpoint cannot fulfil: an unusable file name, a file added twice, a draft that has ended.
public struct CheckpointUsageError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    package init(_ description: String) { self.description = description }
}

/// `text` in quotation marks, fit for one line of a terminal: control characters escaped and the rest cut after 120.
func quoted(_ text: String) -> String {
    var result = "\""
    for (index, scalar) in text.unicodeScalars.enumerated() {
        if index == 120 {
            result += "…"
            break
        }
        result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return result + "\""
}
