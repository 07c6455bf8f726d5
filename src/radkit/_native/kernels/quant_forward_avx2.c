/* kernels/quant_forward_avx2.c: AVX2 variants of the forward half of quant.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/quant_variants.h"
#include "kernels/words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

static inline __m256i with_sign(__m256i magnitude, __m256i sign)
{
    const __m256i top = _mm256_set1_epi32((int)RK_QUANT_NEGATIVE);
    __m256i any = _mm256_sub_epi32(_mm256_setzero_si256(), magnitude); /* top bit: not 0 */
    return _mm256_or_si256(magnitude, _mm256_and_si256(_mm256_and_si256(sign, top), any));
}

static inline __m256i eight_i16(const rk_i16 *x, __m256 scale)
{
    __m256i y = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)x));
    (void)scale;
    return with_sign(_mm256_abs_epi32(y), y);
}

static inline __m256i eight_i32(const rk_i32 *x, __m256 scale)
{
    __m256i y = _mm256_loadu_si256((const __m256i *)x);
    (void)scale;
    return with_sign(_mm256_min_epu32(_mm256_abs_epi32(y), _mm256_set1_epi32((int)RK_QUANT_LARGEST)),
                     y);
}

/* The maximum gives its second operand for what is not a number. */
static inline __m256i eight_f32(const rk_f32 *x, __m256 scale)
{
    __m256 y = _mm256_loadu_ps((const float *)x);
    __m256 m = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), y);
    m = _mm256_max_ps(_mm256_mul_ps(m, scale), _mm256_setzero_ps());
    m = _mm256_min_ps(m, _mm256_set1_ps((float)RK_QUANT_LARGEST_F32));
    return with_sign(_mm256_cvttps_epi32(m), _mm256_castps_si256(y));
}

static inline uint32_t or_of(__m256i x)
{
    __m128i y = _mm_or_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    uint64_t z = (uint64_t)_mm_cvtsi128_si64(y) | (uint64_t)_mm_extract_epi64(y, 1);
    return (uint32_t)(z | z >> 32);
}

/* Eight at a time; the right edge of the block goes to the reference. */
#define RK_FORWARD(S, name)                                                              \
    void rk_quant_forward_##name##_avx2(rk_quant_forward_block *b)                       \
    {                                                                                    \
        const __m256 scale = _mm256_set1_ps(b->scale);                                   \
        const size_t whole = b->width & ~7u;                                             \
        rk_quant_forward_block edge = *b;                                                \
        __m256i seen = _mm256_setzero_si256();                                           \
        for (size_t row = 0; row < b->height; row++) {                                   \
            const S *src = (const S *)b->src + row * b->src_stride;                      \
            rk_u32 *out = (rk_u32 *)b->out + row * b->stride;                            \
            for (size_t i = 0; i < whole; i += 8) {                                      \
                __m256i x = eight_##name(src + i, scale);                                \
                seen = _mm256_or_si256(seen, x);                                         \
                _mm256_storeu_si256((__m256i *)(out + i), x);                            \
            }                                                                            \
        }                                                                                \
        edge.src = (const S *)b->src + whole;                                            \
        edge.out = b->out + whole;                                                       \
        edge.width -= (uint32_t)whole;                                                   \
        edge.seen = 0;                                                                   \
        if (edge.width)                                                                  \
            rk_quant_forward_##name##_c(&edge);                                          \
        b->seen = (or_of(seen) & RK_QUANT_LARGEST) | edge.seen;                          \
    }

RK_FORWARD(rk_i16, i16)
RK_FORWARD(rk_i32, i32)
RK_FORWARD(rk_f32, f32)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
