import Foundation
import Metrics

/// The report of a run: one HTML file that needs no other.
public struct RunReport: Sendable {
    private let folder: String
    private let page: RunPage

    /// Reads what a run folder tells: `metrics.jsonl`, and `run.yaml` and `mistakes.json` where they are.
    ///
    /// - Throws: `ReportingError` where there is no log to read.
    public init(folder: String) throws(ReportingError) {
        self.folder = folder
        let url = URL(fileURLWithPath: folder).standardizedFileURL
        let text = FileManager.default.contents(atPath: folder + "/run.yaml").map {
            String(decoding: $0, as: UTF8.self)
        }
        let mistakes = FileManager.default.contents(atPath: folder + "/mistakes.json")
            .flatMap { JSONValue($0) }.flatMap { RunEvent.Mistakes($0) }
        page = RunPage(
            log: try RunLog(path: folder + "/metrics.jsonl"), configuration: text, mistakes: mistakes,
            name: url.lastPathComponent)
    }

    /// The page. The same files give the same bytes.
    public var html: String { page.html }

    /// Replaces the folder's `report.html`, whole or not at all. - Returns: its path.
    public func write() throws(ReportingError) -> String {
        let path = folder + "/report.html"
        try replaceFile(path, with: Array(html.utf8))
        return path
    }
}

/// The report of a comparison: one HTML file that needs no other.
public struct ComparisonReport: Sendable {
    private let folder: String
    private let page: ComparisonPage

    /// Reads the `comparison.json` of a folder.
    ///
    /// - Throws: `ReportingError` where there is none, or what there is cannot be understood.
    public init(folder: String) throws(ReportingError) {
        let path = folder + "/comparison.json"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ReportingError(path: path, action: "cannot be read")
        }
        do {
            self.init(try Comparison(json: data), folder: folder)
        } catch {
            throw ReportingError(path: path, message: "is no comparison: \(error)")
        }
    }

    /// - Parameter folder: where the report goes.
    public init(_ comparison: Comparison, folder: String) {
        self.folder = folder
        page = ComparisonPage(
            comparison: comparison, name: URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent)
    }

    /// The page. The same comparison gives the same bytes.
    public var html: String { page.html }

    /// Replaces the folder's `report.html`, whole or not at all. - Returns: its path.
    public func write() throws(ReportingError) -> String {
        let path = folder + "/report.html"
        try replaceFile(path, with: Array(html.utf8))
        return path
    }
}

/// Writes the report of a run folder, or of a comparison's, which holds a `comparison.json`. - Returns: its path.
///
/// - Throws: `ReportingError` where the folder is neither.
public func writeReport(folder: String) throws(ReportingError) -> String {
    if FileManager.default.fileExists(atPath: folder + "/comparison.json") {
        return try ComparisonReport(folder: folder).write()
    }
    return try RunReport(folder: folder).write()
}

/// Writes a file beside the old one and puts it in its place by one rename.
func replaceFile(_ path: String, with bytes: [UInt8]) throws(ReportingError) {
    let temporary = path + ".tmp"
    _ = unlink(temporary)
    do {
        let file = try AppendedFile(path: temporary)
        try file.append(bytes)
    } catch {
        _ = unlink(temporary)
        throw error
    }
    guard rename(temporary, path) == 0 else {
        let failure = ReportingError(path: path, action: "cannot be replaced")
        _ = unlink(temporary)
        throw failure
    }
}

/// Keeps `mistakes.json`, and writes `report.html` when a run ends, finished or stopped. It stands behind the log in a list
/// of observers, since it reads that.
public final class RunReportObserver: RunObserver {
    private let folder: String
    private let onFailure: @Sendable (ReportingError) -> Void

    /// - Parameter onFailure: called when a file cannot be written; the run goes on.
    public init(
        folder: String, onFailure: @escaping @Sendable (ReportingError) -> Void = ReportingError.warn
    ) {
        self.folder = folder
        self.onFailure = onFailure
    }

    public func record(_ event: RunEvent) {
        do throws(ReportingError) {
            switch event {
            case .mistakes(let mistakes):
                try replaceFile(folder + "/mistakes.json", with: Array((mistakes.json + "\n").utf8))
            case .end: _ = try RunReport(folder: folder).write()
            // The finishing phase comes behind the end of joint training.
            case .evaluation(let evaluation) where evaluation.split == RunEvent.Evaluation.testFinished:
                _ = try RunReport(folder: folder).write()
            default: break
            }
        } catch {
            onFailure(error)
        }
    }
}
