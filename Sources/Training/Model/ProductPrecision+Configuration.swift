import LinearAlgebra
import MultiTaskBERT

extension ProductPrecision {
    /// The precision that a configuration asks for, where this processor can do it.
    ///
    /// - Parameter support: how this machine multiplies bfloat16.
    /// - Throws: `UsageError` that says what to use instead.
    init(_ precision: RunConfiguration.Precision, on support: BFloat16Support = .here) throws {
        switch (precision, support) {
        case (.fp32, _): self = .single
        case (.bf16, .native), (.bf16Emulated, .native), (.bf16Emulated, .emulated): self = .bfloat16
        case (.bf16, .emulated):
            throw UsageError(
                "precision: bf16 needs a processor with the instructions avx512_bf16, which this one lacks; use fp32, "
                    + "which is faster here, or bf16-emulated for the numbers of bf16 at less speed")
        case (.bf16, .none):
            throw UsageError(
                "precision: bf16 needs a processor with the instructions avx512_bf16, which this one lacks; use fp32")
        case (.bf16Emulated, .none):
            throw UsageError("precision: bf16-emulated needs a processor with AVX-512, which this one lacks; use fp32")
        }
    }
}
