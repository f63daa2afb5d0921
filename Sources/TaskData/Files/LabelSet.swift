/// The class names of a task, in the order of its classes.
public struct LabelSet: Sendable, Equatable {
    public let names: [String]

    /// The most classes a task may have; a column with more values is taken for something else than labels.
    public static let maximumCount = 1_000

    /// - Throws: `TaskDatasetError` for fewer than two names, an empty one or one given twice.
    public init(_ names: [String], task: String) throws {
        guard names.count >= 2 else {
            throw TaskDatasetError(task: task, message: "needs two labels or more, and has \(quotedList(names))")
        }
        guard names.count <= Self.maximumCount else {
            throw TaskDatasetError(task: task, message: "has \(names.count) labels, more than \(Self.maximumCount)")
        }
        guard !names.contains("") else { throw TaskDatasetError(task: task, message: "has an empty label") }
        var seen: Set<String> = []
        if let twice = names.first(where: { !seen.insert($0).inserted }) {
            throw TaskDatasetError(task: task, message: "names the label \"\(twice)\" twice")
        }
        self.names = names
    }
}

/// Gives numbers to labels while a file is read: of a declared set, or in the order in which they are found.
struct LabelTable {
    private var known: [[UInt8]]
    private let isDeclared: Bool

    /// - Parameter declared: the only labels allowed; nil to take what is found.
    init(declared: LabelSet?) {
        known = declared?.names.map { Array($0.utf8) } ?? []
        isDeclared = declared != nil
    }

    mutating func index(of label: UnsafeBufferPointer<UInt8>) throws(RowProblem) -> Int32 {
        guard !label.isEmpty else { throw RowProblem("the label is empty") }
        if let index = known.firstIndex(where: { label.isEqual(to: $0) }) { return Int32(index) }
        if isDeclared {
            let names = known.map { String(decoding: $0, as: UTF8.self) }
            throw RowProblem(
                "the label \"\(Self.excerpt(label))\" is not one of \(quotedList(names))")
        }
        guard known.count < LabelSet.maximumCount else {
            throw RowProblem(
                "the label column holds more than \(LabelSet.maximumCount) different values, here "
                    + "\"\(Self.excerpt(label))\"; is it the right column?")
        }
        known.append(Array(label))
        return Int32(known.count - 1)
    }

    /// The labels found, sorted: by value where all are integers, else by Unicode code points; and for every number
    /// given out, its place among them. A declared set keeps its order.
    func sorted() -> (names: [String], places: [Int32]) {
        let names = known.map { String(decoding: $0, as: UTF8.self) }
        guard !isDeclared else { return (names, names.indices.map(Int32.init)) }
        let integers = names.compactMap { name in Int(name).flatMap { String($0) == name ? $0 : nil } }
        let order =
            integers.count == names.count
            ? names.indices.sorted { integers[$0] < integers[$1] }
            : names.indices.sorted { known[$0].lexicographicallyPrecedes(known[$1]) }
        var places = [Int32](repeating: 0, count: names.count)
        for (place, index) in order.enumerated() { places[index] = Int32(place) }
        return (order.map { names[$0] }, places)
    }

    private static func excerpt(_ label: UnsafeBufferPointer<UInt8>) -> String {
        let text = String(decoding: label.prefix(200), as: UTF8.self)
        return text.count > 40 ? text.prefix(40) + "…" : text
    }
}
