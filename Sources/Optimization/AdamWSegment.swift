extension AdamW {
    /// Part of the flat buffer that is treated alike.
    public struct Segment: Sendable, Equatable {
        public let range: Range<Int>
        public let decays: Bool
        /// Segments of a group are updated in the same steps.
        public let group: Int
        /// What the learning rate is multiplied by; segments with 0 are never changed.
        public let rate: Double
        /// Elements of a row where the segment is a table of whose gradient a step fills few rows; at most one segment is.
        public let rowSize: Int?

        public init(range: Range<Int>, decays: Bool, group: Int = 0, rate: Double = 1, rowSize: Int? = nil) {
            self.range = range
            self.decays = decays
            self.group = group
            self.rate = rate
            self.rowSize = rowSize
        }
    }

    /// An owned part of a segment.
    struct Part {
        let segment: Segment
        let range: Range<Int>
        /// Where its moments begin.
        let start: Int

        /// The places of the moments of some of its elements.
        func moments(_ elements: Range<Int>) -> Range<Int> {
            let first = start + elements.lowerBound - range.lowerBound
            return first..<first + elements.count
        }
    }
}

extension AdamW.Segment {
    /// The rows that have elements in a range; none where the segment is no table.
    func rows(in elements: Range<Int>) -> Range<Int> {
        guard let rowSize, !elements.isEmpty else { return 0..<0 }
        return (elements.lowerBound - range.lowerBound)
            / rowSize..<(elements.upperBound - range.lowerBound + rowSize - 1) / rowSize
    }

    func elements(ofRows rows: Range<Int>) -> Range<Int> {
        let rowSize = rowSize ?? 0
        return range.lowerBound + rows.lowerBound * rowSize..<range.lowerBound + rows.upperBound * rowSize
    }
}
