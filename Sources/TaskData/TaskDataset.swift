/// Where the rows of one split come from.
public enum TaskSource: Sendable {
    case path(String)
    /// Rows in memory; `name` stands for the path in errors.
    case contents([UInt8], format: TaskFileFormat, name: String)
}

/// What a configuration says about a task.
public struct TaskDescription: Sendable {
    public var name: String
    public var train: TaskSource
    public var dev: TaskSource?
    public var test: TaskSource?
    /// The path of a list of `test` rows that a second set of scores leaves out; see `RowNumbers`.
    public var testExcludes: String?
    public var columns: TaskColumns
    /// The class names in order; nil for those found in the training file, sorted.
    public var labels: [String]?
    /// Factor of the task's loss, 0 or more.
    public var weight: Double
    /// The most training examples to use, nil for all.
    public var limit: Int?
    public var onBadRow: BadRowPolicy

    public init(
        name: String, train: TaskSource, dev: TaskSource? = nil, test: TaskSource? = nil,
        testExcludes: String? = nil, columns: TaskColumns = TaskColumns(), labels: [String]? = nil, weight: Double = 1,
        limit: Int? = nil,
        onBadRow: BadRowPolicy = .fail
    ) {
        self.name = name
        self.train = train
        self.dev = dev
        self.test = test
        self.testExcludes = testExcludes
        self.columns = columns
        self.labels = labels
        self.weight = weight
        self.limit = limit
        self.onBadRow = onBadRow
    }
}

/// A task with its files opened and checked.
public struct TaskDataset: Sendable {
    public let name: String
    public let kind: TaskKind
    /// The class names, to which labels refer in every split; none of numbers.
    public let labelNames: [String]
    public let weight: Double
    public let train: TaskFile
    public let dev: TaskFile?
    public let test: TaskFile?
    /// The rows of `test` that a second set of scores leaves out.
    public let testExcludes: Set<Int>
    /// The rows of `train` that are trained on: all usable ones, or so many drawn with the seed.
    public let trainingRows: RowSelection

    /// Opens the files of a task. Labels of `dev` and `test` must be among those declared, or else found in `train`.
    ///
    /// - Parameter seed: what `limit` draws with; the draw depends on it and on the task's name only.
    /// - Throws: `TaskDatasetError` or `TaskFileError`.
    public init(_ description: TaskDescription, seed: UInt64) throws {
        let name = description.name
        guard description.weight.isFinite, description.weight >= 0 else {
            throw TaskDatasetError(task: name, message: "the weight is \(description.weight), not a number from 0 on")
        }
        if let limit = description.limit, limit < 1 {
            throw TaskDatasetError(task: name, message: "the limit is \(limit); it must be 1 or more")
        }
        let kind = description.columns.kind
        let declared = try description.labels.map { try LabelSet($0, task: name) }
        if kind == .regression, declared != nil {
            throw TaskDatasetError(task: name, message: "is a regression; it has numbers and no labels")
        }
        if kind == .multiLabel, let count = declared?.names.count, count > LabelCode.maximumSetSize {
            throw TaskDatasetError(
                task: name,
                message: "has \(count) labels, more than the \(LabelCode.maximumSetSize) of a multi_label task")
        }
        func open(_ source: TaskSource, _ labels: LabelSet?) throws -> TaskFile {
            try TaskFile(source, columns: description.columns, labels: labels, onBadRow: description.onBadRow)
        }
        train = try open(description.train, declared)
        let labels = kind == .regression ? nil : try LabelSet(train.labelNames, task: name)
        dev = try description.dev.map { try open($0, labels) }
        let test = try description.test.map { try open($0, labels) }
        self.test = test
        testExcludes =
            try test.flatMap { test in
                try description.testExcludes.map { try RowNumbers.read(path: $0, rowCount: test.rowCount) }
            } ?? []
        if let test, !test.usableRows.hasAny(but: testExcludes) {
            throw TaskDatasetError(task: name, message: "test_excludes leaves no row of \(test.name)")
        }
        self.name = name
        self.kind = kind
        labelNames = labels?.names ?? []
        weight = description.weight
        trainingRows = Self.draw(description.limit, of: train.usableRows, task: name, seed: seed)
    }

    private static func draw(_ limit: Int?, of rows: RowSelection, task: String, seed: UInt64) -> RowSelection {
        guard let limit, limit < rows.count else { return rows }
        let order = SeededPermutation(
            count: rows.count, key: [SeededGenerator.digest(of: "limit"), seed, SeededGenerator.digest(of: task)])
        return RowSelection(rows: (0..<limit).map { UInt32(rows[order[$0]]) }.sorted())
    }
}

extension TaskFile {
    /// Reads a file or rows in memory.
    ///
    /// - Throws: `TaskFileError`.
    public init(_ source: TaskSource, columns: TaskColumns, labels: LabelSet?, onBadRow: BadRowPolicy) throws {
        switch source {
        case .path(let path): try self.init(path: path, columns: columns, labels: labels, onBadRow: onBadRow)
        case .contents(let contents, let format, let name):
            try self.init(
                name: name, contents: contents, format: format, columns: columns, labels: labels, onBadRow: onBadRow)
        }
    }
}
