/* kernels/mct_avx2.c: AVX2 variants of mct.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/mct_variants.h"
#include "kernels/pack.h"
#include "kernels/words.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

RK_TARGET_BEGIN(RK_ISA_AVX2)

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i x)
{
    _mm256_storeu_si256((__m256i *)p, x);
}

/* ---- component transforms ------------------------------------------------------------------ */

#define RK_RCT(T, name, lanes, add, sub, sra)                                            \
    void rk_mct_irct_##name##_avx2(void *a, void *b, void *c, size_t n)                  \
    {                                                                                    \
        T *x = a, *y = b, *z = c;                                                        \
        size_t i = 0;                                                                    \
        for (; i + lanes <= n; i += lanes) {                                             \
            __m256i u = load(y + i), v = load(z + i);                                    \
            __m256i green = sub(load(x + i), sra(add(u, v), 2));                         \
            store(x + i, add(v, green));                                                 \
            store(y + i, green);                                                         \
            store(z + i, add(u, green));                                                 \
        }                                                                                \
        rk_mct_irct_##name##_c(x + i, y + i, z + i, n - i);                              \
    }                                                                                    \
    void rk_mct_frct_##name##_avx2(void *a, void *b, void *c, size_t n)                  \
    {                                                                                    \
        T *x = a, *y = b, *z = c;                                                        \
        size_t i = 0;                                                                    \
        for (; i + lanes <= n; i += lanes) {                                             \
            __m256i red = load(x + i), green = load(y + i), blue = load(z + i);          \
            __m256i sum = add(add(red, blue), add(green, green));                        \
            store(x + i, sra(sum, 2));                                                   \
            store(y + i, sub(blue, green));                                              \
            store(z + i, sub(red, green));                                               \
        }                                                                                \
        rk_mct_frct_##name##_c(x + i, y + i, z + i, n - i);                              \
    }

RK_RCT(rk_i16, i16, 16, _mm256_add_epi16, _mm256_sub_epi16, _mm256_srai_epi16)
RK_RCT(rk_i32, i32, 8, _mm256_add_epi32, _mm256_sub_epi32, _mm256_srai_epi32)

static inline __m256 times(float factor, __m256 x)
{
    return _mm256_mul_ps(_mm256_set1_ps(factor), x);
}

void rk_mct_iict_avx2(void *a, void *b, void *c, size_t n)
{
    float *x = a, *y = b, *z = c;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 luma = _mm256_loadu_ps(x + i);
        __m256 cb = _mm256_loadu_ps(y + i), cr = _mm256_loadu_ps(z + i);
        __m256 green = _mm256_sub_ps(luma, times(RK_ICT_GREEN_CB, cb));
        _mm256_storeu_ps(x + i, _mm256_add_ps(luma, times(RK_ICT_RED, cr)));
        _mm256_storeu_ps(y + i, _mm256_sub_ps(green, times(RK_ICT_GREEN_CR, cr)));
        _mm256_storeu_ps(z + i, _mm256_add_ps(luma, times(RK_ICT_BLUE, cb)));
    }
    rk_mct_iict_c(x + i, y + i, z + i, n - i);
}

void rk_mct_fict_avx2(void *a, void *b, void *c, size_t n)
{
    float *x = a, *y = b, *z = c;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 red = _mm256_loadu_ps(x + i), blue = _mm256_loadu_ps(z + i);
        __m256 luma = _mm256_add_ps(times(RK_ICT_Y_RED, red),
                                    times(RK_ICT_Y_GREEN, _mm256_loadu_ps(y + i)));
        luma = _mm256_add_ps(luma, times(RK_ICT_Y_BLUE, blue));
        _mm256_storeu_ps(x + i, luma);
        _mm256_storeu_ps(y + i, times(RK_ICT_CB, _mm256_sub_ps(blue, luma)));
        _mm256_storeu_ps(z + i, times(RK_ICT_CR, _mm256_sub_ps(red, luma)));
    }
    rk_mct_fict_c(x + i, y + i, z + i, n - i);
}

/* ---- storing: vectors of one plane ----------------------------------------------------------- */

/* Limits and shift in the width of the output, into which values are packed with saturation
 * before; so the limits must fit it. */
typedef struct limits {
    __m256i low, high, add;
} limits;

static inline limits limits8(rk_mct_range r)
{
    return (limits){_mm256_set1_epi8((char)r.low), _mm256_set1_epi8((char)r.high),
                    _mm256_set1_epi8((char)r.add)};
}

static inline limits limits16(rk_mct_range r)
{
    return (limits){_mm256_set1_epi16((short)r.low), _mm256_set1_epi16((short)r.high),
                    _mm256_set1_epi16((short)r.add)};
}

static inline limits limits32(rk_mct_range r)
{
    return (limits){_mm256_set1_epi32(r.low), _mm256_set1_epi32(r.high),
                    _mm256_set1_epi32((int)r.add)};
}

static inline __m256i within8(__m256i x, const limits *m)
{
    return _mm256_add_epi8(_mm256_min_epi8(_mm256_max_epi8(x, m->low), m->high), m->add);
}

static inline __m256i within16(__m256i x, const limits *m)
{
    return _mm256_add_epi16(_mm256_min_epi16(_mm256_max_epi16(x, m->low), m->high), m->add);
}

static inline __m256i within32(__m256i x, const limits *m)
{
    return _mm256_add_epi32(_mm256_min_epi32(_mm256_max_epi32(x, m->low), m->high), m->add);
}

/* Sixteen elements of any type as int16_t, in order, saturated. */
static inline __m256i words_i16(const rk_i16 *x)
{
    return load(x);
}

static inline __m256i words_i32(const rk_i32 *x)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(load(x), load(x + 8)), 0xD8);
}

/* Of floats: rounded; clamped before, because the conversion does not saturate. What is not a
 * number becomes the second operand of the maximum. */
static inline __m256i rounded(const rk_f32 *x)
{
    __m256 y = _mm256_max_ps(_mm256_loadu_ps((const float *)x), _mm256_set1_ps(-32768));
    return _mm256_cvtps_epi32(_mm256_min_ps(y, _mm256_set1_ps(32767)));
}

static inline __m256i words_f32(const rk_f32 *x)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(rounded(x), rounded(x + 8)), 0xD8);
}

/* Planes of bytes and of words. */
#define RK_PLANE(T, name)                                                                \
    static void plane_##name##_8(const T *x, const rk_mct_range *range, rk_u8 *to, size_t n) \
    {                                                                                    \
        const limits m = limits8(*range);                                                \
        size_t i = 0;                                                                    \
        for (; range->high <= INT8_MAX && i + 32 <= n; i += 32) {                        \
            __m256i y = _mm256_packs_epi16(words_##name(x + i), words_##name(x + i + 16)); \
            store(to + i, within8(_mm256_permute4x64_epi64(y, 0xD8), &m));               \
        }                                                                                \
        rk_mct_##name##_8_c((const void *const[]){x + i}, range, 1, to + i, 1, n - i);   \
    }                                                                                    \
    static void plane_##name##_16(const T *x, const rk_mct_range *range, rk_u16 *to, size_t n) \
    {                                                                                    \
        const limits m = limits16(*range);                                               \
        size_t i = 0;                                                                    \
        for (; range->high <= INT16_MAX && i + 16 <= n; i += 16)                         \
            store(to + i, within16(words_##name(x + i), &m));                            \
        rk_mct_##name##_16_c((const void *const[]){x + i}, range, 1, to + i, 1, n - i);  \
    }

RK_PLANE(rk_i16, i16)
RK_PLANE(rk_i32, i32)
RK_PLANE(rk_f32, f32)

void rk_mct_i32_32_avx2(const void *const *src, const rk_mct_range *range, size_t samples,
                        void *out, size_t stride, size_t n)
{
    const rk_i32 *x = src[0];
    const limits m = limits32(*range);
    rk_u32 *to = out;
    size_t i = 0;
    if (samples != 1 || stride != 1) {
        rk_mct_i32_32_c(src, range, samples, out, stride, n);
        return;
    }
    for (; i + 8 <= n; i += 8)
        store(to + i, within32(load(x + i), &m));
    rk_mct_i32_32_c((const void *const[]){x + i}, range, 1, to + i, 1, n - i);
}

/* ---- storing: one plane, or three of them as pixels, by way of planes that stay in cache ----- */

enum { CHUNK = 512 };

#define RK_STORE(T, U, name, bits)                                                       \
    void rk_mct_##name##_##bits##_avx2(const void *const *src, const rk_mct_range *range, \
                                       size_t samples, void *out, size_t stride, size_t n) \
    {                                                                                    \
        U planes[3 * CHUNK], *to = out;                                                  \
        if (samples == 1 && stride == 1) {                                               \
            plane_##name##_##bits(src[0], range, to, n);                                 \
            return;                                                                      \
        }                                                                                \
        if (samples != 3 || stride != 3) {                                               \
            rk_mct_##name##_##bits##_c(src, range, samples, out, stride, n);             \
            return;                                                                      \
        }                                                                                \
        for (size_t i = 0; i < n; i += CHUNK) {                                          \
            size_t count = n - i < CHUNK ? n - i : CHUNK;                                \
            for (size_t k = 0; k < 3; k++)                                               \
                plane_##name##_##bits((const T *)src[k] + i, range + k, planes + k * count, \
                                      count);                                            \
            rk_pack_interleave##bits##_avx2(planes, to + 3 * i, count, 3);               \
        }                                                                                \
    }

RK_STORE(rk_i16, rk_u8, i16, 8)
RK_STORE(rk_i16, rk_u16, i16, 16)
RK_STORE(rk_i32, rk_u8, i32, 8)
RK_STORE(rk_i32, rk_u16, i32, 16)
RK_STORE(rk_f32, rk_u8, f32, 8)
RK_STORE(rk_f32, rk_u16, f32, 16)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
