/// A row-major matrix of `Float` in memory that somebody else owns.
///
/// A view knows its sizes; every operation checks them at its entry, so that no kernel reads or writes outside. Rows may be
/// apart by more than their width (`stride`), which lets a view name some columns of a wider matrix.
///
/// Views are handed to several threads at once: who writes which rows is the caller's affair.
public struct MatrixView: @unchecked Sendable {
    public let base: UnsafeMutablePointer<Float>
    public let rows: Int
    public let columns: Int
    /// Elements from the start of a row to the start of the next.
    public let stride: Int

    @inlinable
    public init(_ base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
        require(rows >= 0 && columns >= 0 && (stride ?? columns) >= columns, "a matrix view of impossible sizes")
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// The rows of `range`, sharing this view's memory.
    @inlinable
    public func rows(_ range: Range<Int>) -> MatrixView {
        require(range.lowerBound >= 0 && range.upperBound <= rows, "rows outside of a matrix view")
        return MatrixView(base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// The columns of `range`, sharing this view's memory.
    @inlinable
    public func columns(_ range: Range<Int>) -> MatrixView {
        require(range.lowerBound >= 0 && range.upperBound <= columns, "columns outside of a matrix view")
        return MatrixView(base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// One row as a vector.
    @inlinable
    public func row(_ index: Int) -> VectorView {
        require(index >= 0 && index < rows, "a row outside of a matrix view")
        return VectorView(base + index * stride, count: columns)
    }

    /// All elements as one vector; only for a matrix without gaps between its rows.
    @inlinable
    public var flattened: VectorView {
        require(stride == columns || rows <= 1, "a matrix with gaps cannot be flattened")
        return VectorView(base, count: rows * columns)
    }

    @inlinable
    public subscript(row: Int, column: Int) -> Float {
        get {
            require(row >= 0 && row < rows && column >= 0 && column < columns, "an element outside of a matrix view")
            return base[row * stride + column]
        }
        nonmutating set {
            require(row >= 0 && row < rows && column >= 0 && column < columns, "an element outside of a matrix view")
            base[row * stride + column] = newValue
        }
    }
}

/// Consecutive `Float`s in memory that somebody else owns.
public struct VectorView: @unchecked Sendable {
    public let base: UnsafeMutablePointer<Float>
    public let count: Int

    @inlinable
    public init(_ base: UnsafeMutablePointer<Float>, count: Int) {
        require(count >= 0, "a vector view of negative size")
        self.base = base
        self.count = count
    }

    @inlinable
    public func slice(_ range: Range<Int>) -> VectorView {
        require(range.lowerBound >= 0 && range.upperBound <= count, "a slice outside of a vector view")
        return VectorView(base + range.lowerBound, count: range.count)
    }

    /// The vector read as a row-major matrix.
    @inlinable
    public func matrix(rows: Int, columns: Int) -> MatrixView {
        require(rows * columns == count, "a vector of \(count) elements is no matrix of \(rows) × \(columns)")
        return MatrixView(base, rows: rows, columns: columns)
    }

    @inlinable
    public func fill(_ value: Float) {
        base.update(repeating: value, count: count)
    }

    @inlinable
    public func copy(from source: VectorView) {
        require(source.count == count, "a copy between vectors of \(source.count) and \(count) elements")
        base.update(from: source.base, count: count)
    }

    @inlinable
    public subscript(index: Int) -> Float {
        get {
            require(index >= 0 && index < count, "an element outside of a vector view")
            return base[index]
        }
        nonmutating set {
            require(index >= 0 && index < count, "an element outside of a vector view")
            base[index] = newValue
        }
    }

    public var array: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// Stops the program where an invariant of its own is broken. Unlike `precondition` it stays in `-Ounchecked` builds.
@inlinable @inline(__always)
public func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { brokenInvariant(message()) }
}

@usableFromInline @inline(never)
func brokenInvariant(_ message: String) -> Never {
    fatalError("broken invariant: \(message)")
}
