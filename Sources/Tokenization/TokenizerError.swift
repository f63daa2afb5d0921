/// Why a tokenizer could not be made; `description` is the sentence a user reads.
public struct TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file at fault; `nil` for a vocabulary or options made in memory.
    public let file: String?
    /// The line at fault, from 1.
    public let line: Int?
    /// What is wrong and what would be right.
    public let problem: String

    public var description: String {
        switch (file, line) {
        case (let file?, let line?): "\(file):\(line): \(problem)"
        case (let file?, nil): "\(file): \(problem)"
        case (nil, let line?): "line \(line): \(problem)"
        case (nil, nil): problem
        }
    }

    init(_ problem: String, file: String? = nil, line: Int? = nil) {
        self.file = file
        self.line = line
        self.problem = problem
    }
}
