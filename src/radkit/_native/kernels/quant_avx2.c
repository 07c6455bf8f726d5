/* kernels/quant_avx2.c: AVX2 variants of quant.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/quant_variants.h"
#include "kernels/words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline __m256i widened(const rk_i16 *x)
{
    return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)x));
}

static inline void to_i32_from_i16(const rk_i16 *x, rk_i32 *to, __m256 scale)
{
    (void)scale;
    _mm256_storeu_si256((__m256i *)to, widened(x));
}

/* Low bits, as the reference has it, so no saturation. */
static inline void to_i16_from_i32(const rk_i32 *x, rk_i16 *to, __m256 scale)
{
    __m256i y = _mm256_and_si256(load(x), _mm256_set1_epi32(0xFFFF));
    (void)scale;
    y = _mm256_permute4x64_epi64(_mm256_packus_epi32(y, y), 0x08);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(y));
}

static inline void to_f32_from_i16(const rk_i16 *x, rk_f32 *to, __m256 scale)
{
    _mm256_storeu_ps((float *)to, _mm256_mul_ps(_mm256_cvtepi32_ps(widened(x)), scale));
}

static inline void to_f32_from_i32(const rk_i32 *x, rk_f32 *to, __m256 scale)
{
    _mm256_storeu_ps((float *)to, _mm256_mul_ps(_mm256_cvtepi32_ps(load(x)), scale));
}

/* Eight at a time; the right edge of the block, and all of one with a region of interest, go to
 * the reference. */
#define RK_QUANT(S, D, name, eight)                                                      \
    void rk_quant_##name##_avx2(const rk_quant_block *b)                                 \
    {                                                                                    \
        const __m256 scale = _mm256_set1_ps(b->scale);                                   \
        size_t whole = b->roi ? 0 : b->width & ~7u;                                      \
        rk_quant_block edge = *b;                                                        \
        for (size_t row = 0; whole && row < b->height; row++) {                          \
            const S *src = (const S *)b->src + row * b->src_stride;                      \
            D *out = (D *)b->out + row * b->stride;                                      \
            for (size_t i = 0; i < whole; i += 8)                                        \
                eight(src + i, out + i, scale);                                          \
        }                                                                                \
        edge.src = (const S *)b->src + whole;                                            \
        edge.out = (D *)b->out + whole;                                                  \
        edge.width -= (uint32_t)whole;                                                   \
        if (edge.width)                                                                  \
            rk_quant_##name##_c(&edge);                                                  \
    }

RK_QUANT(rk_i16, rk_i32, i16_i32, to_i32_from_i16)
RK_QUANT(rk_i32, rk_i16, i32_i16, to_i16_from_i32)
RK_QUANT(rk_i16, rk_f32, i16_f32, to_f32_from_i16)
RK_QUANT(rk_i32, rk_f32, i32_f32, to_f32_from_i32)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
