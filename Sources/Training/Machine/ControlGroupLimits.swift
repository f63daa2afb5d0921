/// What Linux control groups, version 1 or 2, grant this process: the least of its own group and of those around it
/// (cgroups(7); `cpu.max` and `memory.max` of version 2, `cpu.cfs_quota_us` and `memory.limit_in_bytes` of version 1).
package struct ControlGroupLimits: Equatable {
    /// Processors' worth of time; nil where unlimited.
    package var processors: Double?
    /// Bytes; nil where unlimited.
    package var memory: Int?

    /// - Parameter read: the text of a file, nil where there is none.
    package init(read: (String) -> String?) {
        for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let controllers = fields[1].split(separator: ",")
            for group in Self.groups(String(fields[2])) {
                if fields[1].isEmpty {
                    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
                        let numbers = read("\(root)\(group)/cpu.max").map(Self.numbers) ?? []
                        if numbers.count == 2 { limitTime(numbers[0], of: numbers[1]) }
                        limitMemory(read("\(root)\(group)/memory.max").map(Self.numbers)?.first)
                    }
                }
                if controllers.contains("cpu") {
                    let folder = "/sys/fs/cgroup/cpu\(group)"
                    limitTime(
                        read(folder + "/cpu.cfs_quota_us").map(Self.numbers)?.first,
                        of: read(folder + "/cpu.cfs_period_us").map(Self.numbers)?.first)
                }
                if controllers.contains("memory") {
                    limitMemory(
                        read("/sys/fs/cgroup/memory\(group)/memory.limit_in_bytes").map(Self.numbers)?.first)
                }
            }
        }
    }

    /// The group's path, and those of the groups around it; the outermost is empty.
    private static func groups(_ path: String) -> [String] {
        var groups = [path == "/" ? "" : path]
        while let slash = groups[groups.count - 1].lastIndex(of: "/") {
            groups.append(String(groups[groups.count - 1][..<slash]))
        }
        return groups
    }

    /// `max` and whatever else is no number counts as −1.
    private static func numbers(_ text: String) -> [Int] {
        text.split(whereSeparator: \.isWhitespace).map { Int($0) ?? -1 }
    }

    private mutating func limitTime(_ quota: Int?, of period: Int?) {
        guard let quota, let period, quota > 0, period > 0 else { return }
        processors = min(processors ?? .infinity, Double(quota) / Double(period))
    }

    private mutating func limitMemory(_ bytes: Int?) {
        guard let bytes, bytes > 0, bytes < Self.unlimited else { return }
        memory = min(memory ?? .max, bytes)
    }

    /// Version 1 says "no limit" with the largest whole number of pages.
    private static let unlimited = 1 << 62
}
