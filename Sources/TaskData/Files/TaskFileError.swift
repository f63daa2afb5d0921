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

/// Levenshtein distance over characters, of the first 64 of each.
private func editDistance(_ first: String, _ second: String) -> Int {
    let first = Array(first.prefix(64))
    let second = Array(second.prefix(64))
    var row = Array(0...second.count)
    for i in first.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in second.indices {
            let substitution = diagonal + (first[i] == second[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[second.count]
}
