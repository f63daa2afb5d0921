/// The norm of a gradient whose parts lie on several ranks, to the same bits whatever their number: the sums of squares of
/// blocks of fixed size, in `Double`, added in block order.
public enum GradientNorm {
    /// Elements of a block; owned ranges are multiples of it.
    public static let blockSize = 16_384

    /// The norm, from the sums of squares of all blocks in order.
    public static func norm(ofBlockSums sums: [Double]) -> Double { sums.reduce(0, +).squareRoot() }

    /// What a gradient of this norm is multiplied by, so that it is at most `maximum` long (Pascanu et al. 2013, algorithm 1).
    public static func clippingScale(norm: Double, maximum: Double) -> Float {
        Float(min(1, maximum / (norm + 1e-6)))
    }
}
