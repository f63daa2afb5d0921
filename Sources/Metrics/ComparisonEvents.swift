/// What happens in a comparison, as values: `Training` makes them, displays consume them.
public enum ComparisonEvent: Sendable, Equatable {
    case plan(Plan)
    /// Something the user should know about.
    case warning(String)
    /// A run's scores are known.
    case finished(Finished)

    /// What is about to be trained.
    public struct Plan: Sendable, Equatable {
        public var model: String
        public var tasks: [String]
        public var variants: [String]
        public var fractions: [String]
        public var seeds: [UInt64]
        /// Runs in all, and those done in an earlier session.
        public var runCount: Int
        public var doneCount: Int
        /// So many runs go on at once, each on so many ranks.
        public var groups: Int
        public var ranksPerGroup: Int
        public var machine: String
        public var output: String

        public init(
            model: String, tasks: [String], variants: [String], fractions: [String], seeds: [UInt64], runCount: Int,
            doneCount: Int, groups: Int, ranksPerGroup: Int, machine: String, output: String
        ) {
            self.model = model
            self.tasks = tasks
            self.variants = variants
            self.fractions = fractions
            self.seeds = seeds
            self.runCount = runCount
            self.doneCount = doneCount
            self.groups = groups
            self.ranksPerGroup = ranksPerGroup
            self.machine = machine
            self.output = output
        }
    }

    public struct Finished: Sendable, Equatable {
        /// The run in words.
        public var title: String
        /// Of its tasks, each counting the same.
        public var accuracy: Double
        /// Wall time of the run.
        public var seconds: Double
        /// Runs done up to now, out of so many.
        public var doneCount: Int
        public var runCount: Int
        /// An estimate of the seconds that are left for all others.
        public var remaining: Double

        public init(
            title: String, accuracy: Double, seconds: Double, doneCount: Int, runCount: Int, remaining: Double
        ) {
            self.title = title
            self.accuracy = accuracy
            self.seconds = seconds
            self.doneCount = doneCount
            self.runCount = runCount
            self.remaining = remaining
        }
    }
}

/// A consumer of what happens in a comparison. A run is reported by the first of the ranks that trained it, so that several
/// processes may report to one terminal.
public protocol ComparisonObserver: Sendable {
    func record(_ event: ComparisonEvent)
}
