/// How well predicted numbers go with the right ones, from −1 to 1. 0 where one of both does not vary.
public enum Correlation {
    /// Pearson's coefficient: how well a straight line tells the one from the other.
    public static func pearson(_ first: [Double], _ second: [Double]) -> Double {
        precondition(first.count == second.count, "a number for each number")
        let count = Double(max(1, first.count))
        let means = (first.reduce(0, +) / count, second.reduce(0, +) / count)
        var sums = (together: 0.0, first: 0.0, second: 0.0)
        for (x, y) in zip(first, second) {
            let (dx, dy) = (x - means.0, y - means.1)
            sums.together += dx * dy
            sums.first += dx * dx
            sums.second += dy * dy
        }
        let product = sums.first * sums.second
        return product > 0 ? max(-1, min(1, sums.together / product.squareRoot())) : product.isNaN ? .nan : 0
    }

    /// Spearman's coefficient: Pearson's of the ranks, equal numbers sharing the mean of theirs.
    public static func spearman(_ first: [Double], _ second: [Double]) -> Double {
        if (first + second).contains(where: \.isNaN) { return .nan }
        return pearson(ranks(first), ranks(second))
    }

    static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for place in start..<end { ranks[order[place]] = Double(start + end - 1) / 2 }
            start = end
        }
        return ranks
    }
}
