/// Decides how many examples of each task have been seen after so many in all.
///
/// One file a strategy. A new one needs `cumulativeCounts` only: it must start at zeros, never fall in any task as
/// `slots` grows, always sum to `slots`, take no state, and use integers or IEEE operations that are exactly defined
/// (no `pow`), so that every rank agrees.
public protocol SamplingStrategy: Sendable {
    func cumulativeCounts(after slots: Int, taskSizes: [Int]) -> [Int]
}
