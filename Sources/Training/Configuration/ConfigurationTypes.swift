import Foundation
import Metrics

/// Where an encoder comes from.
public enum ModelSource: Sendable, Equatable {
    /// An absolute path.
    case folder(String)
    /// Such as `google-bert/bert-base-uncased`.
    case hub(String)
}

extension ModelSource: ConfigurationValue {
    static var expected: String { "a model folder or a hub id" }

    /// A folder if it is written as a path (`./`, `../`, `/`, `~/`) or is there, otherwise a hub id.
    static func read(_ node: SettingNode, _ paths: PathResolver) -> ModelSource? {
        guard let text = node.scalarText, !text.isEmpty else { return nil }
        let path = paths.absolute(text, writtenAt: node.origin)
        let isPath = ["./", "../", "/", "~/"].contains { text.hasPrefix($0) } || text == "." || text == ".."
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
        return isPath || exists || text.count { $0 == "/" } > 1 ? .folder(path) : .hub(text)
    }

    var node: SettingNode? {
        switch self {
        case .folder(let path): .text(path)
        case .hub(let identifier): .text(identifier)
        }
    }
}

/// Where examples come from.
public enum DataLocation: Sendable, Equatable {
    /// An absolute path.
    case file(String)
    /// A part of the demonstration corpus inside the program, written `embedded:NAME`.
    case embedded(String)
}

extension DataLocation: ConfigurationValue {
    private static let embeddedPrefix = "embedded:"

    static var expected: String { "the path of a file" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> DataLocation? {
        guard let text = node.scalarText, !text.isEmpty else { return nil }
        if text.hasPrefix(embeddedPrefix) { return .embedded(String(text.dropFirst(embeddedPrefix.count))) }
        return .file(paths.absolute(text, writtenAt: node.origin))
    }

    var node: SettingNode? {
        switch self {
        case .file(let path): .text(path)
        case .embedded(let name): .text(Self.embeddedPrefix + name)
        }
    }
}

/// The columns of a text, or of a pair of texts.
public struct TextColumns: Sendable, Equatable {
    public var first: String
    /// Nil for single texts.
    public var second: String?

    public init(first: String, second: String? = nil) {
        self.first = first
        self.second = second
    }
}

extension TextColumns: ConfigurationValue {
    static var expected: String { "the name of a column, or a list of two" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> TextColumns? {
        if let column = node.scalarText { return TextColumns(first: column) }
        guard let columns = [String].read(node, paths), columns.count == 2, columns[0] != columns[1] else { return nil }
        return TextColumns(first: columns[0], second: columns[1])
    }

    var node: SettingNode? {
        guard let second else { return .text(first) }
        return [first, second].node
    }
}

/// The number of canonical shards of a step.
public enum Shards: Sendable, Equatable {
    /// The fewest from 8 up that suit the number of ranks.
    case auto
    case count(Int)
}

extension Shards: ConfigurationValue {
    static var expected: String { "auto or an integer from 1 to 4096" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> Shards? {
        if node.scalarText == "auto" { return .auto }
        return Int.read(node, paths).flatMap { (1...4096).contains($0) ? .count($0) : nil }
    }

    var node: SettingNode? {
        switch self {
        case .auto: .plain("auto")
        case .count(let count): count.node
        }
    }
}

/// How long the learning rate rises.
public enum Warmup: Sendable, Equatable {
    /// Of all steps, from 0 to below 1.
    case fraction(Double)
    case steps(Int)

    /// The number of warmup steps of a run, a fraction rounded up.
    public func steps(of totalSteps: Int) -> Int {
        switch self {
        case .fraction(let fraction): Int((fraction * Double(totalSteps)).rounded(.up))
        case .steps(let steps): steps
        }
    }
}

extension Warmup: ConfigurationValue {
    static var expected: String { "a fraction of all steps from 0 to below 1, or an integer number of steps" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> Warmup? {
        if let steps = Int.read(node, paths), steps >= 1 { return .steps(steps) }
        return Double.read(node, paths).flatMap { (0..<1).contains($0) ? .fraction($0) : nil }
    }

    var node: SettingNode? {
        switch self {
        case .fraction(let fraction): fraction.node
        case .steps(let steps): steps.node
        }
    }
}

/// How long a program may run.
public struct TimeLimit: Sendable, Equatable {
    public var seconds: Int

    public init(seconds: Int) { self.seconds = seconds }
}

extension TimeLimit: ConfigurationValue {
    static var expected: String { "a time as HH:MM:SS or D-HH:MM:SS" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> TimeLimit? {
        let parts = (node.scalarText ?? "").split(separator: "-", omittingEmptySubsequences: false)
        let clock = (parts.last ?? "").split(separator: ":", omittingEmptySubsequences: false)
        let numbers = (parts.dropLast() + clock).compactMap { $0.allSatisfy(\.isNumber) ? Int($0) : nil }
        guard parts.count <= 2, clock.count == 3, numbers.count == parts.count + 2,
            numbers.dropLast(2).allSatisfy({ $0 < 100_000 }), numbers.suffix(2).allSatisfy({ $0 < 60 })
        else { return nil }
        let days = parts.count == 2 ? numbers[0] : 0
        return TimeLimit(
            seconds: (days * 24 + numbers[numbers.count - 3]) * 3600 + numbers[numbers.count - 2] * 60
                + numbers[numbers.count - 1])
    }

    /// In quotes: YAML 1.1 readers take `1:30:00` for a number.
    var node: SettingNode? {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return .text("\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))")
    }
}

/// What decides which checkpoint is best: a score of a task, or its mean over the tasks.
public struct Criterion: Sendable, Equatable, CustomStringConvertible {
    /// Nil for the mean over the tasks.
    public var task: String?
    public var score: ScoreName

    public init(task: String?, score: ScoreName) {
        self.task = task
        self.score = score
    }

    /// As in configurations: `mean.accuracy`, `books.macro_f1`.
    public var description: String { "\(task ?? "mean").\(score.rawValue)" }
}

extension Criterion: ConfigurationValue {
    static var expected: String { "mean or a task, a point, and \(orList(ScoreName.allCases.map(\.rawValue)))" }

    static func read(_ node: SettingNode, _ paths: PathResolver) -> Criterion? {
        let parts = (node.scalarText ?? "").split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let score = ScoreName(rawValue: String(parts[1])) else { return nil }
        return Criterion(task: parts[0] == "mean" ? nil : String(parts[0]), score: score)
    }

    var node: SettingNode? { .plain(description) }
}
