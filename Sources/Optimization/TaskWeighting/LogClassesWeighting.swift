import Foundation

/// `log_classes`: losses in units of what guessing costs, 1 ÷ ln C for a task of C labels.
///
/// The cross-entropy of a uniform guess over C labels is ln C; so all tasks begin at a loss of about 1, and one of many labels
/// does not drown one of two.
public struct LogClassesWeighting: LossWeighting {
    public static let name = "log_classes"
    private let factors: [Double]

    public init(_ settings: TaskWeightingSettings) { factors = settings.labelCounts.map { 1 / guessingLoss($0) } }

    public func factors(isPresent: [Bool], ahead: [Double?]) -> [Double] { factors }
}

/// The cross-entropy of a uniform guess over so many labels; a task of one label counts as one of two.
func guessingLoss(_ labelCount: Int) -> Double { log(Double(max(2, labelCount))) }
