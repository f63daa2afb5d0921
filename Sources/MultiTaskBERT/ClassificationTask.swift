import TaskData

/// What a classification head is for.
public struct ClassificationTask: Sendable, Equatable, Codable {
    public let name: String
    /// The label names, in the order of the head's outputs; none for a regression, which has one output.
    public let labels: [String]
    public let kind: TaskKind

    public init(name: String, labels: [String], kind: TaskKind = .singleLabel) {
        self.name = name
        self.labels = labels
        self.kind = kind
    }

    /// Numbers that the head gives for a text.
    public var outputCount: Int { kind == .regression ? 1 : labels.count }

    /// A task without a kind has one label an example.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        name = try keys.decode(String.self, forKey: .name)
        labels = try keys.decode([String].self, forKey: .labels)
        kind = try keys.decodeIfPresent(TaskKind.self, forKey: .kind) ?? .singleLabel
    }
}
