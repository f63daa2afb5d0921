/// A row-major matrix of bfloat16 in memory that somebody else owns: the upper halves of `Float`s, as bit patterns.
///
/// It only exists to be multiplied: values go in by `convert` and come out in the `Float`s of a product. See `MatrixView` for
/// strides and threads.
public struct BFloat16View: @unchecked Sendable {
    public let base: UnsafeMutablePointer<UInt16>
    public let rows: Int
    public let columns: Int
    /// Elements from the start of a row to the start of the next.
    public let stride: Int

    public init(_ base: UnsafeMutablePointer<UInt16>, rows: Int, columns: Int, stride: Int? = nil) {
        require(rows >= 0 && columns >= 0 && (stride ?? columns) >= columns, "a matrix view of impossible sizes")
        self.base = base
        self.rows = rows
        self.columns = columns
        self.stride = stride ?? columns
    }

    /// The rows of `range`, sharing this view's memory.
    public func rows(_ range: Range<Int>) -> BFloat16View {
        require(range.lowerBound >= 0 && range.upperBound <= rows, "rows outside of a matrix view")
        return BFloat16View(base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
    }

    /// The columns of `range`, sharing this view's memory.
    public func columns(_ range: Range<Int>) -> BFloat16View {
        require(range.lowerBound >= 0 && range.upperBound <= columns, "columns outside of a matrix view")
        return BFloat16View(base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }
}

extension VectorView {
    /// Elements that hold so many of bfloat16.
    public static func elements(ofBFloat16 count: Int) -> Int { (count + 1) / 2 }

    /// The memory as a matrix of bfloat16 without gaps, for as long as it is used for nothing else.
    public func bfloat16Matrix(rows: Int, columns: Int) -> BFloat16View {
        let elements = rows * columns
        require(Self.elements(ofBFloat16: elements) <= count, "memory too small for \(rows) × \(columns) bfloat16")
        let memory = UnsafeMutableRawPointer(base).bindMemory(to: UInt16.self, capacity: elements)
        return BFloat16View(memory, rows: rows, columns: columns)
    }
}

extension GrowingBuffer {
    /// The memory as a matrix of bfloat16 without gaps.
    public func bfloat16Matrix(rows: Int, columns: Int) -> BFloat16View {
        vector(VectorView.elements(ofBFloat16: rows * columns)).bfloat16Matrix(rows: rows, columns: columns)
    }
}
