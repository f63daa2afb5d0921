import Foundation

/// Where progress is shown, and what can be done there.
public struct TextOutput: Sendable {
    /// Writes a text as it is.
    public var write: @Sendable (String) -> Void
    /// Whether a line can be drawn over, as on a terminal.
    public var isLive: Bool
    public var usesColor: Bool
    /// Columns, asked anew for each line: a window may change.
    public var width: @Sendable () -> Int

    public init(
        isLive: Bool, usesColor: Bool, width: @escaping @Sendable () -> Int,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.write = write
        self.isLive = isLive
        self.usesColor = usesColor
        self.width = width
    }

    /// Standard error: live on a terminal that is not `TERM=dumb`, in colour there unless `NO_COLOR` is set
    /// (no-color.org).
    public static func standardError(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> TextOutput {
        let terminal = terminal()
        let isTerminal = terminal != nil
        let capabilities = Self.capabilities(isTerminal: isTerminal, environment: environment)
        return TextOutput(
            isLive: capabilities.isLive, usesColor: capabilities.usesColor,
            width: { terminalWidth(terminal, environment: environment) }, write: writeToStandardError)
    }

    /// Standard output, never live: for results that another program may read.
    public static func standardOutput() -> TextOutput {
        TextOutput(isLive: false, usesColor: false, width: { 80 }, write: { print($0, terminator: "") })
    }

    package static func capabilities(
        isTerminal: Bool, environment: [String: String]
    ) -> (isLive: Bool, usesColor: Bool) {
        let isLive = isTerminal && environment["TERM"] ?? "dumb" != "dumb"
        return (isLive, isLive && environment["NO_COLOR"] ?? "" == "")
    }

    /// The terminal that standard error ends in, for questions about it; nil where it is none.
    ///
    /// A rank's standard error is a pipe to the launcher, which writes on to its own: there the launcher's counts.
    private static func terminal() -> Int32? {
        if isatty(STDERR_FILENO) == 1 { return STDERR_FILENO }
        guard getenv("OMPI_COMM_WORLD_RANK") != nil else { return nil }
        let descriptor = open("/proc/\(getppid())/fd/2", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        if isatty(descriptor) == 1 { return descriptor }
        close(descriptor)
        return nil
    }

    /// `COLUMNS` where the user set it, else what the terminal says, else 80.
    private static func terminalWidth(_ terminal: Int32?, environment: [String: String]) -> Int {
        if let columns = environment["COLUMNS"].flatMap({ Int($0) }), columns > 0 { return columns }
        var size = winsize()
        guard let terminal, ioctl(terminal, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    enum Style: String {
        case bold = "1"
        case good = "32"
        case warning = "33"
    }

    func styled(_ text: String, _ style: Style) -> String {
        usesColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}
