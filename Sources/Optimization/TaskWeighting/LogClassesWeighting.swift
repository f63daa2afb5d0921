/// `log_classes`: losses in units of what guessing costs, 1 ÷ ln C for a task of C labels; C is 2 for the decisions of a task with
/// several labels an example, and tasks of numbers keep their losses as they are.
///
/// The cross-entropy of a uniform guess over C labels is ln C; so all tasks begin at a loss of about 1, and one of many labels
/// does not drown one of two.
public struct LogClassesWeighting: LossWeighting {
    public static let name = "log_classes"
    private let factors: [Double]

    public init(_ settings: TaskWeightingSettings) { factors = settings.guessLosses.map { 1 / $0 } }

    public func factors(isPresent: [Bool], ahead: [Double?]) -> [Double] { factors }
}
