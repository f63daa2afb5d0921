import TaskData

/// What a classification head is for.
public struct ClassificationTask: Sendable, Equatable, Codable {
    public let name: String
    /// The label names, in the order of the head's outputs; none for a regression, which has one output.
    public let labels: [String]
    public let kind: TaskKind
    /// Whether its examples are pairs of texts; nil where that is not known.
    public let takesPairs: Bool?

    public init(name: String, labels: [String], kind: TaskKind = .singleLabel, takesPairs: Bool? = nil) {
        self.name = name
        self.labels = labels
        self.kind = kind
        self.takesPairs = takesPairs
    }

    /// Numbers that the head gives for a text.
    public var outputCount: Int { kind == .regression ? 1 : labels.count }

    /// A task without a kind has one label an example.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        name = try keys.decode(String.self, forKey: .name)
        labels = try keys.decode([String].self, forKey: .labels)
        kind = try keys.decodeIfPresent(TaskKind.self, forKey: .kind) ?? .singleLabel
        takesPairs = try keys.decodeIfPresent(Bool.self, forKey: .takesPairs)
    }

    private enum CodingKeys: String, CodingKey {
        case name, labels, kind
        case takesPairs = "pairs"
    }

    /// For each output of this task's head the row of another's that is for the same; nil where that head is for something else.
    func rows(ofHeadFor other: ClassificationTask) -> [Int]? {
        guard kind == other.kind, labels.count == other.labels.count else { return nil }
        if kind == .regression { return [0] }
        let rows = labels.compactMap(other.labels.firstIndex(of:))
        return rows.count == labels.count ? rows : nil
    }
}
