/// One line of what `doctor` found.
public struct Finding: Sendable, Equatable, Codable {
    public enum Level: String, Sendable, Codable {
        case ok
        /// A run works, but slower or with less safety than it could.
        case warning
        /// A run would fail.
        case error
    }

    public var level: Level
    /// What was looked at: the check's topic.
    public var check: String
    public var text: String
    /// What to do about it; nil where all is well.
    public var remedy: String?
    /// The code that a run would end with.
    var code = ExitCode.done

    private enum CodingKeys: String, CodingKey { case level, check, text, remedy }

    init(_ level: Level, _ check: String, _ text: String, remedy: String? = nil, code: ExitCode = .failure) {
        (self.level, self.check, self.text, self.remedy) = (level, check, text, remedy)
        if level == .error { self.code = code }
    }
}

/// A part of the examination. It holds what was found on the ranks and draws conclusions, so that made-up machines can be
/// examined too; it looks at nothing itself.
package protocol Check: Sendable {
    /// One or two words that begin its lines.
    var topic: String { get }
    /// At least one.
    var findings: [Finding] { get }
}

extension Check {
    func ok(_ text: String) -> Finding { Finding(.ok, topic, text) }
    func warning(_ text: String, _ remedy: String) -> Finding { Finding(.warning, topic, text, remedy: remedy) }
    func error(_ text: String, _ remedy: String, code: ExitCode = .failure) -> Finding {
        Finding(.error, topic, text, remedy: remedy, code: code)
    }
}

/// Such as `3.4 GB` or `512 MB`.
func sizeText(_ bytes: Int) -> String {
    let number = Double(bytes)
    return number >= 1e9 ? "\((number / 1e8).rounded() / 10) GB" : "\(Int((number / 1e6).rounded())) MB"
}
