/// What a task asks of a text.
public enum TaskKind: String, Sendable, CaseIterable, Codable {
    /// One of several classes.
    case singleLabel = "single_label"
    /// Any number of several classes, none included.
    case multiLabel = "multi_label"
    /// A number.
    case regression
}

/// A label as one whole number from 0 on, so that examples of every kind of task go through the same places.
public enum LabelCode {
    /// The most classes of a task where an example may have several: bits of a code.
    public static let maximumSetSize = 62

    /// A set of classes, one bit each.
    public static func set(_ classes: some Sequence<Int>) -> Int { classes.reduce(0) { $0 | 1 << $1 } }

    /// Whether a set holds a class.
    public static func set(_ code: Int, contains label: Int) -> Bool { code >> label & 1 == 1 }

    /// A number, in single precision.
    public static func number(_ value: Float) -> Int { Int(value.bitPattern) }

    /// The number that a code stands for.
    public static func value(_ code: Int) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: code)) }
}
