import Foundation

/// A JSON object as a text that is equal for equal objects.
func canonicalJSON(_ object: [String: Any]) throws -> String {
    String(decoding: try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]), as: UTF8.self)
}

/// The JSON objects of an output with one a line.
func jsonLines(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map { line in
        guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
            throw Program.Failure(description: "this line is no JSON object: \(line)")
        }
        return object
    }
}

extension [String: Any] {
    /// The object under a key; empty where there is none.
    func object(_ key: String) -> [String: Any] { self[key] as? [String: Any] ?? [:] }

    var names: [String] { keys.sorted() }
}
