import Foundation

/// A run of a comparison as its own folder keeps it in `result.json`: what goes into `comparison.json`, and which examples
/// were predicted right.
public struct ComparisonRecord: Sendable, Equatable, Codable {
    /// Of one task, on the split that its scores are of.
    public struct Outcomes: Sendable, Equatable, Codable {
        public var task: String
        public var examples: ExampleOutcomes
        /// The same without the rows that `test_excludes` names; nil where there are none.
        public var withoutExcluded: ExampleOutcomes?

        public init(task: String, examples: ExampleOutcomes, withoutExcluded: ExampleOutcomes? = nil) {
            self.task = task
            self.examples = examples
            self.withoutExcluded = withoutExcluded
        }
    }

    public static let currentVersion = 1

    public var version = ComparisonRecord.currentVersion
    /// SHA-256 of everything in the configuration that decides the result.
    public var identity: String
    /// SHA-256 of each data file; nil in records of older versions.
    public var files: [String]?
    public var run: Comparison.Run
    /// In the order of the run's tasks.
    public var outcomes: [Outcomes]

    public init(identity: String, files: [String]? = nil, run: Comparison.Run, outcomes: [Outcomes]) {
        self.identity = identity
        self.files = files
        self.run = run
        self.outcomes = outcomes
    }
}

extension ComparisonRecord {
    /// Reads a `result.json`.
    ///
    /// - Throws: `DecodingError` for what is none, or one of another version.
    public init(json: Data) throws {
        self = try ComparisonCoding.decoder.decode(ComparisonRecord.self, from: json)
        try ComparisonCoding.require(version, Self.currentVersion)
    }

    public func json() throws -> Data { try ComparisonCoding.encoder.encode(self) + Data("\n".utf8) }
}
