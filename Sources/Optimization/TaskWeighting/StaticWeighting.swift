/// `static`: every task by its own `weight`, and nothing else.
public struct StaticWeighting: LossWeighting {
    public static let name = "static"

    public init(_ settings: TaskWeightingSettings) {}

    public func factors(isPresent: [Bool], ahead: [Double?]) -> [Double] { isPresent.map { _ in 1 } }
}
