import Foundation

/// Numbers of rows of a task file, as a text file lists them: one 0-based row a line; empty lines and those that begin with
/// `#` say nothing.
public enum RowNumbers {
    private static let sizeLimit = 1 << 30

    /// - Parameters:
    ///   - path: the list.
    ///   - rowCount: rows of the file that the numbers are of.
    /// - Throws: `TaskFileError` that names the line.
    public static func read(path: String, rowCount: Int) throws -> Set<Int> {
        let name = FileBytes.resolved(path)
        guard let data = FileManager.default.contents(atPath: name), data.count <= sizeLimit else {
            throw TaskFileError(file: name, message: "cannot be read as a list of rows")
        }
        var rows: Set<Int> = []
        for (index, line) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let text = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            if text.isEmpty || text.hasPrefix("#") { continue }
            guard let row = Int(text), (0..<rowCount).contains(row) else {
                let found = text.prefix(40)
                throw TaskFileError(
                    file: name, line: index + 1,
                    message: "\"\(found)\" is no row: rows are numbered from 0 to \(rowCount - 1)")
            }
            rows.insert(row)
        }
        return rows
    }
}
