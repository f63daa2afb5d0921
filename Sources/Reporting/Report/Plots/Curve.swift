/// A point of a curve.
package struct CurvePoint: Sendable, Equatable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }

    package var isFinite: Bool { x.isFinite && y.isFinite }
}

extension [CurvePoint] {
    /// At most `limit` points that show the same curve: its ends, and the lowest and the highest point of each of equally
    /// many neighbours. Points that are not finite go.
    package func thinned(to limit: Int = 200) -> [CurvePoint] {
        let points = filter(\.isFinite)
        guard points.count > Swift.max(limit, 4) else { return points }
        let inner = points[1..<points.count - 1]
        let bucketCount = (limit - 2) / 2
        var kept = [points[0]]
        for bucket in 0..<bucketCount {
            let start = inner.startIndex + bucket * inner.count / bucketCount
            let end = inner.startIndex + (bucket + 1) * inner.count / bucketCount
            let range = start..<end
            guard let low = range.min(by: { points[$0].y < points[$1].y }),
                let high = range.max(by: { points[$0].y < points[$1].y })
            else { continue }
            kept.append(points[Swift.min(low, high)])
            if low != high { kept.append(points[Swift.max(low, high)]) }
        }
        return kept + [points[points.count - 1]]
    }

    /// Each point as the mean of the `window` finite points around it; of those that there are at the ends.
    package func smoothed(window: Int) -> [CurvePoint] {
        let points = filter(\.isFinite)
        guard window > 1, points.count > 2 else { return points }
        var sums = [0.0]
        for point in points { sums.append(sums[sums.count - 1] + point.y) }
        return points.indices.map { index in
            let first = Swift.max(0, index - window / 2)
            let end = Swift.min(points.count, index + window / 2 + 1)
            return CurvePoint(points[index].x, (sums[end] - sums[first]) / Double(end - first))
        }
    }

    /// The range of the values; nil without finite points.
    ///
    /// - Parameter tail: the part of the points left out on either side, for curves with rare spikes.
    package func range(leavingOut tail: Double = 0) -> ClosedRange<Double>? {
        let values = lazy.filter(\.isFinite).map(\.y).sorted()
        guard !values.isEmpty else { return nil }
        let cut = Int(Double(values.count) * tail)
        return values[cut]...values[values.count - 1 - cut]
    }
}
