/// What is wrong with a task file, as the sentence a user reads: `reviews.tsv:17: the label is empty`.
public struct TaskFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file, as its path was resolved.
    public let file: String
    /// The line, counted from 1; for a quoted field over several lines, the line its row begins on.
    public let line: Int?
    public let message: String

    package init(file: String, line: Int? = nil, message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    public var description: String {
        line.map { "\(file):\($0): \(message)" } ?? "\(file): \(message)"
    }
}

/// What is wrong with one row, before the file and line are known.
struct RowProblem: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// `"a", "b", "c"`; of long lists the beginning.
func quotedList(_ names: [String], limit: Int = 20) -> String {
    let shown = names.prefix(limit).map { "\"\($0)\"" }.joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
}

/// The end of a sentence: `; did you mean "text"?` when one of `names` is close to `wanted`, else a full stop.
func suggestion(for wanted: String, among names: [String]) -> String {
    let nearest = names.prefix(1000).map { (name: $0, distance: editDistance(wanted.lowercased(), $0.lowercased())) }
        .min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(1, wanted.count / 2) else { return "." }
    return "; did you mean \"\(nearest.name)\"?"
}
