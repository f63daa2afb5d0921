// What Swift cannot reach by itself: macros of oneDNN that are expressions, what processor this is compiled for, and one
// instruction.
#pragma once
#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR != 2
#error "oneDNN 2 is needed; version 3 describes matrices and products by other functions"
#endif

static inline dnnl_dim_t conednn_runtime_dimension(void) { return DNNL_RUNTIME_DIM_VAL; }

typedef float conednn_lanes __attribute__((ext_vector_type(16)));

/// The instructions that this header was compiled for, of those that compilers use unasked and processors may lack: their names
/// in /proc/cpuinfo, each behind a space.
static inline const char *conednn_compiled_for(void) {
    return ""
#ifdef __BMI2__
           " bmi2"
#endif
#ifdef __FMA__
           " fma"
#endif
#ifdef __AVX2__
           " avx2"
#endif
#ifdef __AVX512F__
           " avx512f"
#endif
#ifdef __AVX512BW__
           " avx512bw"
#endif
#ifdef __AVX512DQ__
           " avx512dq"
#endif
#ifdef __AVX512VL__
           " avx512vl"
#endif
#ifdef __AVX512VBMI__
           " avx512vbmi"
#endif
#ifdef __AVX512BF16__
           " avx512_bf16"
#endif
        ;
}

/// Whether this header was compiled for a processor with registers of 16 floats.
static inline int conednn_has_wide_registers(void) {
#ifdef __AVX512F__
    return 1;
#else
    return 0;
#endif
}

/// Whether this header was compiled for a processor with the instruction below.
static inline int conednn_has_bf16_dot_product(void) {
#ifdef __AVX512BF16__
    return 1;
#else
    return 0;
#endif
}

/// sum + the dot products of the pairs of bfloat16 in left and right, lane by lane (vdpbf16ps).
static inline __attribute__((always_inline)) conednn_lanes
conednn_bf16_dot_product(conednn_lanes sum, conednn_lanes left, conednn_lanes right) {
#ifdef __AVX512BF16__
    typedef __bf16 pairs __attribute__((vector_size(64)));
    typedef float lanes __attribute__((vector_size(64)));
    return (conednn_lanes)__builtin_ia32_dpbf16ps_512((lanes)sum, (pairs)left, (pairs)right);
#else
    return sum + left * right;
#endif
}
