/// Everything that is wrong with a configuration, found in one reading: the user mends it all at once.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One thing that is wrong, and where.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// The configuration file as the user wrote its path, or the `--set` argument.
        public var source: String
        /// From 1; nil where the problem has no place in a file.
        public var line: Int?
        public var message: String

        public init(source: String, line: Int? = nil, message: String) {
            self.source = source
            self.line = line
            self.message = message
        }

        public var description: String {
            guard let line else { return "\(source): \(message)" }
            return "\(source):\(line): \(message)"
        }
    }

    /// In the order of the file; never empty.
    public var problems: [Problem]

    public init(_ problems: [Problem]) {
        precondition(!problems.isEmpty, "a configuration error holds at least one problem")
        self.problems = problems
    }

    /// One problem a line, each as `file:line: message`.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}
