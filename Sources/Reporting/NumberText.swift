import Foundation

/// A number with so many decimals; "nan" and "inf" as such.
package func fixed(_ value: Double, _ decimals: Int) -> String {
    String(format: "%.\(decimals)f", value)
}

/// Digits in groups of three: "1,234,567".
package func grouped(_ value: Int) -> String {
    var digits = String(value.magnitude)
    var groups: [Substring] = []
    var rest = digits[...]
    while rest.count > 3 {
        groups.insert(rest.suffix(3), at: 0)
        rest = rest.dropLast(3)
    }
    groups.insert(rest, at: 0)
    digits = groups.joined(separator: ",")
    return value < 0 ? "-" + digits : digits
}

/// A count in three digits or so: "950", "12.3k", "22.7M", "1.5G".
package func abbreviated(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] where abs(value) >= size {
        let scaled = value / size
        return fixed(scaled, abs(scaled) < 100 ? 1 : 0) + unit
    }
    return fixed(value, 0)
}

/// A time in its two largest units: "0.4s", "42s", "3m 05s", "2h 10m", "3d 04h".
package func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "?" }
    if seconds < 9.95 { return fixed(seconds, 1) + "s" }
    let whole = Int(seconds.rounded())
    func pair(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
        "\(large)\(largeUnit) \(small < 10 ? "0" : "")\(small)\(smallUnit)"
    }
    switch whole {
    case ..<60: return "\(whole)s"
    case ..<3600: return pair(whole / 60, "m", whole % 60, "s")
    case ..<86400: return pair(whole / 3600, "h", whole / 60 % 60, "m")
    default: return pair(whole / 86400, "d", whole / 3600 % 24, "h")
    }
}

/// A size in bytes: "512 B", "87.3 MB", in powers of 1000.
package func byteCount(_ bytes: Int) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] where Double(bytes) >= size {
        return "\(fixed(Double(bytes) / size, 1)) \(unit)"
    }
    return "\(bytes) B"
}

/// A number in three significant digits, with an exponent where it is small or large: "2e-05".
package func general(_ value: Double) -> String {
    String(format: "%.3g", value)
}
