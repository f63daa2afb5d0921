/// How rows are written in a task file; known from the file's extension.
public enum TaskFileFormat: String, Sendable, CaseIterable {
    /// Tab-separated values without any quoting: a `"` is a character like others.
    case tsv
    /// Comma-separated values with quoted fields (RFC 4180).
    case csv
    /// One JSON object a line.
    case jsonLines = "jsonl"

    /// The format that `path` names, and whether a trailing `.gz` says that it is compressed.
    ///
    /// - Throws: `TaskFileError` for any other extension.
    public static func named(by path: String) throws -> (format: TaskFileFormat, isCompressed: Bool) {
        var extensions = path.split(separator: "/").last?.lowercased().split(separator: ".").dropFirst() ?? []
        let isCompressed = extensions.last == "gz"
        if isCompressed { extensions.removeLast() }
        switch extensions.last {
        case "tsv": return (.tsv, isCompressed)
        case "csv": return (.csv, isCompressed)
        case "jsonl", "ndjson": return (.jsonLines, isCompressed)
        default:
            throw TaskFileError(
                file: path,
                message: "the name does not say the format; task files end in .tsv, .csv or .jsonl, or in one of "
                    + "these and .gz")
        }
    }
}
