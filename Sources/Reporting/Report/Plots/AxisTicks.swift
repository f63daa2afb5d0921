import Foundation

/// The marks of an axis: multiples of 1, 2, 2.5 or 5 times a power of ten.
package struct AxisTicks: Sendable, Equatable {
    /// Ascending; at least two.
    package let values: [Double]
    /// The distance between neighbours.
    package let step: Double
    /// What the axis spans: the data, or the first to the last mark.
    package let span: ClosedRange<Double>

    /// Chooses about `count` marks for values from `low` to `high`. Where these are not finite (or nearly so) or not
    /// in order, the axis goes from 0 to 1; where they are one value, it stands in the middle.
    ///
    /// - Parameters:
    ///   - isWidened: whether the axis ends at marks.
    ///   - wholeNumbers: whether steps below 1 make no sense.
    package init(from low: Double, to high: Double, count: Int = 5, isWidened: Bool = true, wholeNumbers: Bool = false)
    {
        var (low, high) = (low, high)
        if !(abs(low) <= 1e300 && abs(high) <= 1e300 && low <= high) { (low, high) = (0, 1) }
        let size = max(abs(low), abs(high))
        if high - low <= max(size * 1e-12, 1e-300) {
            let half = size <= 1e-300 ? 1 : size / 2
            (low, high) = (low - half, high + half)
        }
        var step = Self.niceStep(atLeast: (high - low) / Double(max(1, count)))
        if wholeNumbers { step = max(1, step.rounded(.up)) }
        let epsilon = 1e-9
        let first = isWidened ? (low / step + epsilon).rounded(.down) : (low / step - epsilon).rounded(.up)
        let last = isWidened ? (high / step - epsilon).rounded(.up) : (high / step + epsilon).rounded(.down)
        self.step = step
        values = (0...max(1, Int(last - first))).map { (first + Double($0)) * step }
        span = isWidened ? values[0]...values[values.count - 1] : low...high
    }

    private static func niceStep(atLeast rough: Double) -> Double {
        let power = pow(10, log10(rough).rounded(.down))
        for factor in [1, 2, 2.5, 5] where factor * power >= rough * (1 - 1e-9) { return factor * power }
        return 10 * power
    }

    /// A mark as text, with as many decimals as the steps need: "0.25", "1,500", "2.5M", "1.5e-5".
    package func label(_ value: Double) -> String {
        if value == 0 { return "0" }
        if step < 1e-4 {
            let exponent = Int(log10(abs(value)).rounded(.down))
            let mantissa = value / pow(10, Double(exponent))
            return "\(trimmed(mantissa, decimals: 2))e\(exponent)"
        }
        if step >= 1000, abs(value) >= 10_000 {
            for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] where abs(value) >= size {
                return trimmed(value / size, decimals: 3) + unit
            }
        }
        if step >= 1, value == value.rounded(), abs(value) < 1e15 { return grouped(Int(value)) }
        var decimals = 0
        while decimals < 8, abs(step * pow(10, Double(decimals)) - (step * pow(10, Double(decimals))).rounded()) > 1e-6
        {
            decimals += 1
        }
        return fixed(value, decimals)
    }
}

/// A number with at most so many decimals and no zeros at its end.
package func trimmed(_ value: Double, decimals: Int) -> String {
    var text = fixed(value, decimals)
    guard text.contains(".") else { return text }
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text == "-0" ? "0" : text
}
