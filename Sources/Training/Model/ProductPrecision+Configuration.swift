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
        case (.bf16, .native), (.bf16Emulated, _): self = .bfloat16
        case (.bf16, .emulated):
            throw UsageError(
                "precision: bf16 needs a processor with the instructions avx512_bf16, which this one lacks; use fp32, "
                    + "which is faster here, or bf16-emulated for numbers like those of bf16")
        }
    }
}
