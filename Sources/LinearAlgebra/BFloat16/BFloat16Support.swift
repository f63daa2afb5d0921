/// How this machine carries out products in bfloat16.
public enum BFloat16Support: Sendable {
    /// By instructions of the processor (`avx512_bf16`), through oneDNN.
    case native
    /// In single precision (`WidenedProduct`): the same kind of result, but no faster than single precision.
    case emulated

    public static let here: BFloat16Support =
        ProcessorSetup.processorFlags().contains("avx512_bf16") && ProductPrimitive.areAllThere ? .native : .emulated
}
