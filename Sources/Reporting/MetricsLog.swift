import Foundation
import Metrics

/// `metrics.jsonl`: one JSON object a line, appended as the run goes, each line by one `write`.
///
/// Keys stand in a fixed order, numbers read back to the same bits, and what is not finite is null. When a checkpoint was
/// written and at the end the lines are flushed to the disk, so that the log reaches at least as far as the checkpoint.
public final class MetricsLog: RunObserver {
    private let file: RecordFile

    /// Opens the log of a run.
    ///
    /// - Parameters:
    ///   - path: the log. Where the file is missing it is created.
    ///   - step: where a run is resumed, the step of its checkpoint. The log then keeps its whole lines of steps up to that
    ///     one and those without a step; lines of later steps, which the run is about to write again, and a half line at
    ///     the end of a killed run go. The file is replaced in one rename. Nil for a new run: an older log is set aside as
    ///     `metrics.jsonl.1`, `.2` and so on.
    ///   - splits: whose evaluations of that step the resumed run is about to write again, and which therefore go too.
    ///   - onFailure: called once, when a line cannot be written. The run goes on, and each later line is tried.
    /// - Throws: `ReportingError` where the log cannot be opened or replaced.
    public init(
        path: String, resumingAfter step: Int? = nil, scoringAgain splits: [String] = [],
        onFailure: @escaping @Sendable (ReportingError) -> Void = ReportingError.warn
    ) throws(ReportingError) {
        if let step {
            try Self.dropLines(after: step, scoringAgain: splits, of: path)
        } else {
            try Self.setAside(path)
        }
        file = try RecordFile(path: path, onFailure: onFailure)
    }

    public func record(_ event: RunEvent) {
        guard let line = event.jsonLine else { return }
        switch event {
        case .checkpoint, .end: file.append(Array((line + "\n").utf8), durably: true)
        default: file.append(Array((line + "\n").utf8))
        }
    }

    private static func setAside(_ path: String) throws(ReportingError) {
        let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int
        guard let size, size > 0 else { return }
        var number = 1
        while FileManager.default.fileExists(atPath: "\(path).\(number)") { number += 1 }
        guard rename(path, "\(path).\(number)") == 0 else {
            throw ReportingError(path: path, action: "cannot be set aside as \(path).\(number)")
        }
    }

    private static func dropLines(after step: Int, scoringAgain splits: [String], of path: String)
        throws(ReportingError)
    {
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ReportingError(path: path, action: "cannot be read")
        }
        let bytes = [UInt8](data)
        var kept = [UInt8]()
        kept.reserveCapacity(bytes.count)
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            if isKept(bytes[start..<end], after: step, splits) { kept += bytes[start...end] }
            start = end + 1
        }
        guard kept.count != bytes.count else { return }
        let temporary = path + ".tmp"
        _ = unlink(temporary)
        do {
            let file = try AppendedFile(path: temporary)
            try file.append(kept)
            try file.synchronize()
        }
        guard rename(temporary, path) == 0 else { throw ReportingError(path: path, action: "cannot be replaced") }
    }

    /// Whether a line belongs to a log that ends with a step.
    private static func isKept(_ line: ArraySlice<UInt8>, after step: Int, _ scoredAgain: [String]) -> Bool {
        // The lines of steps are nearly all lines: reading them whole would make resuming a long run slow.
        let prefix = "{\"event\":\"step\",\"step\":".utf8
        if line.starts(with: prefix), line.last == UInt8(ascii: "}") {
            let digits = line.dropFirst(prefix.count).prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            if let number = Int(String(decoding: digits, as: UTF8.self)) { return number <= step }
        }
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any] else { return false }
        guard let number = object["step"] as? Int else { return true }
        let isScoredAgain = number == step && (object["split"] as? String).map(scoredAgain.contains) ?? false
        return number <= step && !isScoredAgain
    }
}
