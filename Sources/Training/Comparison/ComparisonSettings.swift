import Foundation
import Metrics

/// What a comparison shall train and how it is scored.
public struct ComparisonSettings: Sendable {
    /// Nil for the demonstration.
    public var configurationFile: String?
    /// `--set` arguments, for all ways to train.
    public var overrides: [String] = []
    /// Nil for what the configuration's section `compare` says, each.
    public var seeds: [UInt64]?
    public var fractions: [RunConfiguration.Fraction]?
    public var variants: [RunConfiguration.Variant]?
    public var scoredAt = Comparison.ScoredAt.last
    /// Whether the checkpoints of finished runs stay.
    public var keepsModels = false
    /// Bootstrap resamples.
    public var resamples = 2000

    public init() {}

    /// The configuration, with overrides of a variant laid over those for all ways to train. Where keys are not given, one
    /// checkpoint is kept, and written when a run is stopped.
    ///
    /// - Throws: `ConfigurationError`.
    public func configuration(overrides variant: [String] = []) throws -> RunConfiguration {
        var defaults = RunConfiguration()
        defaults.output = "runs/comparison"
        (defaults.checkpoint.every, defaults.checkpoint.keep) = (0, 1)
        let all = overrides + variant
        if let configurationFile {
            return try RunConfiguration(
                contentsOf: configurationFile, overrides: all, checkingFiles: true, defaults: defaults)
        }
        var demonstration = RunConfiguration.demonstration
        (demonstration.checkpoint, demonstration.output) = (defaults.checkpoint, "runs/demonstration-comparison")
        return try RunConfiguration(demonstration, demonstrationWith: all)
    }

    /// A list such as `1,2,3`.
    ///
    /// - Throws: `UsageError`.
    public static func seeds(argument text: String) throws -> [UInt64] {
        try values(text, "--seeds", "whole numbers from 0 on, such as 1,2,3") { UInt64($0) }
    }

    /// A list such as `50,10%,all`.
    ///
    /// - Throws: `UsageError`.
    public static func fractions(argument text: String) throws -> [RunConfiguration.Fraction] {
        try values(
            text, "--fractions", "numbers of examples from 1 on, shares such as 10%, or all, such as 50,100,all",
            RunConfiguration.Fraction.init)
    }

    /// `NAME: key=value key=value`. A piece without `=` belongs to the value before it.
    ///
    /// - Throws: `UsageError`.
    public static func variant(argument text: String, option: String, isSingle: Bool) throws
        -> RunConfiguration.Variant
    {
        let parts = text.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
        var overrides: [String] = []
        for piece in (parts.count == 2 ? parts[1] : "").split(separator: " ") {
            if piece.contains("=") || overrides.isEmpty {
                overrides.append(String(piece))
            } else {
                overrides[overrides.count - 1] += " \(piece)"
            }
        }
        guard parts.count == 2, !overrides.isEmpty else {
            throw UsageError("\(option) is \"\(text)\"; write it as 'NAME: key=value key=value'")
        }
        guard RunConfiguration.Variant.validName.holds(parts[0]) else {
            throw UsageError(
                "\(option): the name is \(parts[0]); it must be text\(RunConfiguration.Variant.validName.text)")
        }
        return RunConfiguration.Variant(name: parts[0], set: overrides, single: isSingle)
    }

    private static func values<Value: Hashable>(
        _ text: String, _ option: String, _ expected: String, _ read: (String) -> Value?
    ) throws -> [Value] {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { read($0.trimmingCharacters(in: .whitespaces)) }
        guard values.count == parts.count, Set(values).count == values.count else {
            throw UsageError("\(option) is \(text); it must be \(expected), no two the same")
        }
        return values
    }
}
