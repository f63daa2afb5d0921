/// A JSON object on one line whose keys stay in the order in which they were set (RFC 8259).
struct JSONObject {
    private var members: [String] = []

    var text: String { "{" + members.joined(separator: ",") + "}" }

    private mutating func set(_ key: String, literal: String) {
        members.append("\(Self.quoted(key)):\(literal)")
    }

    mutating func set(_ key: String, _ value: String) { set(key, literal: Self.quoted(value)) }
    mutating func set(_ key: String, _ value: Int) { set(key, literal: String(value)) }
    mutating func set(_ key: String, _ value: UInt64) { set(key, literal: String(value)) }
    mutating func set(_ key: String, _ value: Bool) { set(key, literal: String(value)) }

    /// The shortest digits that read back to the same number; null for what is not finite, which JSON cannot say.
    mutating func set(_ key: String, _ value: Double) { set(key, literal: Self.literal(value)) }
    mutating func set(_ key: String, _ value: [Double]) { set(key, literal: Self.literal(value)) }
    mutating func set(_ key: String, _ value: [[Double]]) {
        set(key, literal: "[" + value.map(Self.literal).joined(separator: ",") + "]")
    }

    mutating func set(_ key: String, _ value: [String]) {
        set(key, literal: "[" + value.map(Self.quoted).joined(separator: ",") + "]")
    }

    mutating func set(_ key: String, _ value: [[Int64]]) {
        let rows = value.map { "[" + $0.map(String.init).joined(separator: ",") + "]" }
        set(key, literal: "[" + rows.joined(separator: ",") + "]")
    }

    mutating func set(_ key: String, _ value: [JSONObject]) {
        set(key, literal: "[" + value.map(\.text).joined(separator: ",") + "]")
    }

    mutating func set(_ key: String, _ build: (inout JSONObject) -> Void) {
        var object = JSONObject()
        build(&object)
        set(key, literal: object.text)
    }

    private static func literal(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

    private static func literal(_ value: [Double]) -> String {
        "[" + value.map { literal($0) }.joined(separator: ",") + "]"
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..."\u{1F}", "\u{7F}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
