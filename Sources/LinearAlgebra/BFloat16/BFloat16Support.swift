/// How this machine carries out products in bfloat16.
public enum BFloat16Support: Sendable {
    /// By instructions of the processor (`avx512_bf16`).
    case native
    /// By conversions to single precision inside oneDNN: the same kind of result, but slower than single precision.
    case emulated
    /// oneDNN has no such products for this processor.
    case none

    public static let here: BFloat16Support = {
        let kinds = [Operand.asIs, .transposed].flatMap { left in
            [Operand.asIs, .transposed].flatMap { right in
                [false, true].map { ProductPrimitive.Kind(left: left, right: right, adds: $0) }
            }
        }
        guard kinds.allSatisfy({ ProductPrimitive.shared($0) != nil }) else { return .none }
        return ProcessorSetup.processorFlags().contains("avx512_bf16") ? .native : .emulated
    }()
}
