/// Some rows of a file, in ascending order.
public struct RowSelection: Sendable, Equatable {
    private enum Storage: Equatable {
        case all(Int)
        case some([UInt32])
    }

    private let storage: Storage

    /// All of `count` rows.
    public init(all count: Int) {
        storage = .all(count)
    }

    /// - Parameter rows: ascending row numbers.
    public init(rows: [UInt32]) {
        storage = .some(rows)
    }

    public var count: Int {
        switch storage {
        case .all(let count): count
        case .some(let rows): rows.count
        }
    }

    /// Whether there is a row that is not among `rows`.
    func hasAny(but rows: Set<Int>) -> Bool { (0..<count).contains { !rows.contains(self[$0]) } }

    /// The row number at `position`, which is in `0..<count`.
    public subscript(position: Int) -> Int {
        switch storage {
        case .all(let count):
            precondition(position >= 0 && position < count, "position \(position) outside \(count) rows")
            return position
        case .some(let rows): return Int(rows[position])
        }
    }
}
