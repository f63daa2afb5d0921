/// What a classification head is for.
public struct ClassificationTask: Sendable, Equatable, Codable {
    public let name: String
    /// The label names, in the order of the head's outputs.
    public let labels: [String]

    public init(name: String, labels: [String]) {
        self.name = name
        self.labels = labels
    }
}
