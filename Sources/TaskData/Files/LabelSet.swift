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

/// Gives codes to labels while a file is read: of a declared set, or in the order in which they are found.
struct LabelTable {
    private var known: [[UInt8]]
    private let isDeclared: Bool
    private let kind: TaskKind

    /// - Parameter declared: the only labels allowed; nil to take what is found.
    init(declared: LabelSet?, kind: TaskKind) {
        known = declared?.names.map { Array($0.utf8) } ?? []
        isDeclared = declared != nil
        self.kind = kind
    }

    /// The code of what stands in a label column; see `LabelCode`.
    ///
    /// - Parameter separator: between the labels where there may be several.
    mutating func code(of field: UnsafeBufferPointer<UInt8>, separator: UInt8) throws(RowProblem) -> Int {
        switch kind {
        case .singleLabel: return try index(of: field)
        case .regression: return try Self.number(field)
        case .multiLabel:
            var code = 0
            for part in field.split(separator: separator) {
                let label = UnsafeBufferPointer(rebasing: Self.trimmed(part))
                if !label.isEmpty { code |= 1 << (try index(of: label)) }
            }
            return code
        }
    }

    private static func trimmed(_ part: Slice<UnsafeBufferPointer<UInt8>>) -> Slice<UnsafeBufferPointer<UInt8>> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let head = part.drop(while: isBlank)
        guard let last = head.lastIndex(where: { !isBlank($0) }) else { return head }
        return head[...last]
    }

    private static func number(_ field: UnsafeBufferPointer<UInt8>) throws(RowProblem) -> Int {
        let text = String(decoding: field.prefix(100), as: UTF8.self)
        let isPlain = !text.isEmpty && text.unicodeScalars.allSatisfy { "0123456789+-.eE".unicodeScalars.contains($0) }
        guard isPlain, field.count <= 100, let value = Float(text), value.isFinite else {
            throw RowProblem("the label \"\(excerpt(field))\" is no finite number, and the task's kind is regression")
        }
        return LabelCode.number(value)
    }

    private mutating func index(of label: UnsafeBufferPointer<UInt8>) throws(RowProblem) -> Int {
        guard !label.isEmpty else { throw RowProblem("the label is empty") }
        if let index = known.firstIndex(where: { label.isEqual(to: $0) }) { return index }
        if isDeclared {
            let names = known.map { String(decoding: $0, as: UTF8.self) }
            throw RowProblem(
                "the label \"\(Self.excerpt(label))\" is not one of \(quotedList(names))")
        }
        let limit = kind == .multiLabel ? LabelCode.maximumSetSize : LabelSet.maximumCount
        guard known.count < limit else {
            throw RowProblem(
                "the label column holds more than \(limit) different values, here "
                    + "\"\(Self.excerpt(label))\"; is it the right column?")
        }
        known.append(Array(label))
        return known.count - 1
    }

    /// A code given out, as it is once the labels are sorted.
    func final(_ code: Int, _ places: [Int]) -> Int {
        switch kind {
        case .singleLabel: places[code]
        case .multiLabel:
            LabelCode.set(places.indices.lazy.filter { LabelCode.set(code, contains: $0) }.map { places[$0] })
        case .regression: code
        }
    }

    /// The labels found, sorted: by value where all are integers, else by Unicode code points; and for every number
    /// given out, its place among them. A declared set keeps its order.
    func sorted() -> (names: [String], places: [Int]) {
        let names = known.map { String(decoding: $0, as: UTF8.self) }
        guard !isDeclared else { return (names, Array(names.indices)) }
        let integers = names.compactMap { name in Int(name).flatMap { String($0) == name ? $0 : nil } }
        let order =
            integers.count == names.count
            ? names.indices.sorted { integers[$0] < integers[$1] }
            : names.indices.sorted { known[$0].lexicographicallyPrecedes(known[$1]) }
        var places = [Int](repeating: 0, count: names.count)
        for (place, index) in order.enumerated() { places[index] = place }
        return (order.map { names[$0] }, places)
    }

    private static func excerpt(_ label: UnsafeBufferPointer<UInt8>) -> String {
        let text = String(decoding: label.prefix(200), as: UTF8.self)
        return text.count > 40 ? text.prefix(40) + "…" : text
    }
}
