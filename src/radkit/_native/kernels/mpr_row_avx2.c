/* kernels/mpr_row_avx2.c: AVX2 variants of mpr_row.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/mpr_row_variants.h"
#include "kernels/words.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

RK_TARGET_BEGIN(RK_ISA_AVX2)

#include "kernels/mpr_row_avx2.h"

static inline __m128i load8(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* The bitwise or of the 16 elements. */
static inline uint16_t any_of(__m256i x)
{
    __m128i y = _mm_or_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_or_si128(y, _mm_srli_si128(y, 8));
    y = _mm_or_si128(y, _mm_srli_si128(y, 4));
    y = _mm_or_si128(y, _mm_srli_si128(y, 2));
    return (uint16_t)_mm_extract_epi16(y, 0);
}

/* ---- scaled rows ----------------------------------------------------------------------------- */

uint16_t rk_row_scale_avx2(const void *src, size_t n, uint16_t base, uint16_t padding,
                           rk_i16 *held, rk_i16 *out)
{
    const rk_u16 *v = src;
    const __m256i low = _mm256_set1_epi16((short)base), none = _mm256_set1_epi16((short)padding);
    __m256i seen = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i x = load(v + i), above = _mm256_sub_epi16(x, low);
        if (held) {
            __m256i skip = _mm256_cmpeq_epi16(x, none);
            store(held + i, skip);
            above = _mm256_andnot_si256(skip, above);
        }
        seen = _mm256_or_si256(seen, above);
        store(out + i, _mm256_slli_epi16(above, RK_ROW_SHIFT));
    }
    return (uint16_t)(any_of(seen) | rk_row_scale_c(v + i, n - i, base, padding,
                                                    held ? held + i : NULL, out + i));
}

void rk_row_lerp_avx2(const rk_i16 *a, const rk_i16 *b, int16_t share, size_t n, rk_i16 *out)
{
    const __m256i s = _mm256_set1_epi16(share);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        store(out + i, lerp(load(a + i), load(b + i), s));
    rk_row_lerp_c(a + i, b + i, share, n - i, out + i);
}

void rk_row_blend_avx2(const rk_i16 *const row[4], int16_t y, int16_t z, size_t n, rk_i16 *out)
{
    const rk_i16 *a = row[0], *b = row[1], *c = row[2], *d = row[3];
    const __m256i sy = _mm256_set1_epi16(y), sz = _mm256_set1_epi16(z);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        store(out + i, lerp(lerp(load(a + i), load(b + i), sy), lerp(load(c + i), load(d + i), sy),
                            sz));
    const rk_i16 *const rest[4] = {a + i, b + i, c + i, d + i};
    rk_row_blend_c(rest, y, z, n - i, out + i);
}

#define RK_ROW_PEAK_16(name, better)                                                     \
    void rk_row_##name##_avx2(const void *row, size_t n, void *to)                       \
    {                                                                                    \
        const rk_i16 *x = row;                                                          \
        rk_i16 *y = to;                                                                 \
        size_t i = 0;                                                                    \
        for (; i + 16 <= n; i += 16)                                                     \
            store(y + i, better(load(x + i), load(y + i)));                              \
        rk_row_##name##_c(x + i, n - i, y + i);                                          \
    }

RK_ROW_PEAK_16(max_16, _mm256_max_epi16)
RK_ROW_PEAK_16(min_16, _mm256_min_epi16)

/* Of two, of which one is no number, these instructions give the second. */
#define RK_ROW_PEAK_F32(name, better)                                                    \
    void rk_row_##name##_avx2(const void *row, size_t n, void *to)                       \
    {                                                                                    \
        const rk_f32 *x = row;                                                            \
        rk_f32 *y = to;                                                                   \
        size_t i = 0;                                                                    \
        for (; i + 8 <= n; i += 8) {                                                     \
            __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(y + i);               \
            __m256 none = _mm256_andnot_ps(_mm256_cmp_ps(b, b, _CMP_UNORD_Q),            \
                                           _mm256_cmp_ps(a, a, _CMP_UNORD_Q));           \
            _mm256_storeu_ps(y + i, _mm256_blendv_ps(better(a, b), a, none));            \
        }                                                                                \
        rk_row_##name##_c(x + i, n - i, y + i);                                          \
    }

RK_ROW_PEAK_F32(max_f32, _mm256_max_ps)
RK_ROW_PEAK_F32(min_f32, _mm256_min_ps)

void rk_row_unscale_avx2(const rk_i16 *row, size_t n, uint16_t base, void *out)
{
    const __m256i low = _mm256_set1_epi16((short)base);
    rk_u16 *to = out;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        store(to + i, unscaled(load(row + i), low));
    rk_row_unscale_c(row + i, n - i, base, to + i);
}

/* ---- along a row ----------------------------------------------------------------------------- */

static inline rk_row_warp warp_from(const rk_row_warp *warp, size_t i)
{
    rk_row_warp rest = *warp;
    rest.index += i;
    if (rest.share)
        rest.share += i;
    if (rest.weight)
        rest.weight += i;
    return rest;
}

/* Elements of two groups of outputs, out of the 8 (or 16) elements behind the base of each. */
static inline __m256i pick(const rk_i16 *a, const rk_i16 *b, const uint8_t *bytes, bool wide)
{
    __m256i first = _mm256_inserti128_si256(_mm256_castsi128_si256(load8(a)), load8(b), 1);
    __m256i picked = _mm256_shuffle_epi8(first, load(bytes));
    if (!wide)
        return picked;
    first = _mm256_inserti128_si256(_mm256_castsi128_si256(load8(a + 8)), load8(b + 8), 1);
    return _mm256_or_si256(picked, _mm256_shuffle_epi8(first, load(bytes + 32)));
}

static inline size_t warp_blocks(const rk_i16 *row, const rk_row_warp *warp, size_t n,
                                 rk_i16 *out, bool wide)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const rk_i16 *a = row + warp->base[i / 8], *b = row + warp->base[i / 8 + 1];
        const uint8_t *bytes = warp->bytes + 4 * i;
        store(out + i, lerp(pick(a, b, bytes, wide), pick(a + 1, b + 1, bytes, wide),
                            load(warp->share + i)));
    }
    return i;
}

void rk_row_warp_avx2(const rk_i16 *row, const rk_row_warp *warp, size_t n, rk_i16 *out)
{
    size_t i = 0;
    if (warp->reach < 8)
        i = warp_blocks(row, warp, n, out, false);
    else if (warp->reach < 16)
        i = warp_blocks(row, warp, n, out, true);
    rk_row_warp rest = warp_from(warp, i);
    rk_row_warp_c(row, &rest, n - i, out + i);
}

/* Element `at` of the 16 behind p. */
static inline __m256 pick_f32(const rk_f32 *p, __m256i at, bool wide)
{
    __m256 first = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p), at);
    if (!wide)
        return first;
    __m256 second = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p + 8), at);
    __m256i over = _mm256_cmpgt_epi32(at, _mm256_set1_epi32(7));
    return _mm256_blendv_ps(first, second, _mm256_castsi256_ps(over));
}

static inline size_t taps_blocks(const rk_f32 *row, const rk_row_warp *warp, size_t n, rk_f32 *out,
                                 bool wide)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        int32_t base = warp->base[i / 8];
        __m256i at = _mm256_sub_epi32(load(warp->index + i), _mm256_set1_epi32(base));
        const rk_f32 *p = row + base, *weight = warp->weight + i;
        __m256 sum = _mm256_mul_ps(pick_f32(p, at, wide), _mm256_loadu_ps(weight));
        for (size_t t = 1; t < warp->taps; t++)
            sum = _mm256_add_ps(sum, _mm256_mul_ps(pick_f32(p + t, at, wide),
                                                   _mm256_loadu_ps(weight + t * warp->pitch)));
        _mm256_storeu_ps(out + i, sum);
    }
    return i;
}

void rk_row_taps_avx2(const rk_f32 *row, const rk_row_warp *warp, size_t n, rk_f32 *out)
{
    size_t i = 0;
    if (warp->reach < 8)
        i = taps_blocks(row, warp, n, out, false);
    else if (warp->reach < 16)
        i = taps_blocks(row, warp, n, out, true);
    rk_row_warp rest = warp_from(warp, i);
    rk_row_taps_c(row, &rest, n - i, out + i);
}

/* ---- float rows ------------------------------------------------------------------------------ */

#define RK_ROW_WIDEN(name, T, extend)                                                    \
    void rk_row_widen_##name##_avx2(const void *src, size_t n, rk_f32 *out)               \
    {                                                                                    \
        const T *v = src;                                                                \
        size_t i = 0;                                                                    \
        for (; i + 8 <= n; i += 8)                                                       \
            _mm256_storeu_ps(out + i, _mm256_cvtepi32_ps(extend(load8(v + i))));         \
        rk_row_widen_##name##_c(v + i, n - i, out + i);                                  \
    }

RK_ROW_WIDEN(i16, rk_i16, _mm256_cvtepi16_epi32)
RK_ROW_WIDEN(u16, rk_u16, _mm256_cvtepu16_epi32)

/* Thirty-two elements at a time, so that a weight is fetched once for four vectors. */
void rk_row_sum_avx2(const rk_f32 *const *row, const rk_f32 *weight, size_t count, bool add,
                     size_t n, rk_f32 *out)
{
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256 sum[4], w = _mm256_set1_ps(weight[0]);
        for (int j = 0; j < 4; j++) {
            sum[j] = _mm256_mul_ps(w, _mm256_loadu_ps(row[0] + i + 8 * j));
            if (add)
                sum[j] = _mm256_add_ps(_mm256_loadu_ps(out + i + 8 * j), sum[j]);
        }
        for (size_t k = 1; k < count; k++) {
            w = _mm256_set1_ps(weight[k]);
            for (int j = 0; j < 4; j++)
                sum[j] = _mm256_add_ps(
                    sum[j], _mm256_mul_ps(w, _mm256_loadu_ps(row[k] + i + 8 * j)));
        }
        for (int j = 0; j < 4; j++)
            _mm256_storeu_ps(out + i + 8 * j, sum[j]);
    }
    for (; i < n; i++) {
        float sum = weight[0] * row[0][i];
        if (add)
            sum = out[i] + sum;
        for (size_t k = 1; k < count; k++)
            sum = sum + weight[k] * row[k][i];
        out[i] = sum;
    }
}

#define RK_ROW_SUM(name, T, extend)                                                      \
    static inline __m256 eight_##name(const void *row, size_t i)                         \
    {                                                                                    \
        return _mm256_cvtepi32_ps(extend(load8((const T *)row + i)));                    \
    }                                                                                    \
    void rk_row_sum_##name##_avx2(const void *const *row, const rk_f32 *weight,           \
                                  size_t count, bool add, size_t n, rk_f32 *out)          \
    {                                                                                    \
        size_t i = 0;                                                                    \
        for (; i + 32 <= n; i += 32) {                                                   \
            __m256 sum[4], w = _mm256_set1_ps(weight[0]);                                \
            for (size_t j = 0; j < 4; j++) {                                             \
                sum[j] = _mm256_mul_ps(w, eight_##name(row[0], i + 8 * j));              \
                if (add)                                                                 \
                    sum[j] = _mm256_add_ps(_mm256_loadu_ps(out + i + 8 * j), sum[j]);    \
            }                                                                            \
            for (size_t k = 1; k < count; k++) {                                         \
                w = _mm256_set1_ps(weight[k]);                                           \
                for (size_t j = 0; j < 4; j++)                                           \
                    sum[j] = _mm256_add_ps(                                              \
                        sum[j], _mm256_mul_ps(w, eight_##name(row[k], i + 8 * j)));      \
            }                                                                            \
            for (size_t j = 0; j < 4; j++)                                               \
                _mm256_storeu_ps(out + i + 8 * j, sum[j]);                               \
        }                                                                                \
        for (; i < n; i++) {                                                             \
            float sum = weight[0] * ((const T *)row[0])[i];                              \
            if (add)                                                                     \
                sum = out[i] + sum;                                                      \
            for (size_t k = 1; k < count; k++)                                           \
                sum = sum + weight[k] * ((const T *)row[k])[i];                          \
            out[i] = sum;                                                                \
        }                                                                                \
    }

RK_ROW_SUM(i16, rk_i16, _mm256_cvtepi16_epi32)
RK_ROW_SUM(u16, rk_u16, _mm256_cvtepu16_epi32)

#define RK_ROW_ROUND(name, T, low, high, pack)                                           \
    void rk_row_round_##name##_avx2(const rk_f32 *row, size_t n, void *out)               \
    {                                                                                    \
        const __m256 least = _mm256_set1_ps(low), most = _mm256_set1_ps(high);           \
        T *to = out;                                                                     \
        size_t i = 0;                                                                    \
        for (; i + 16 <= n; i += 16) {                                                   \
            __m256 a = _mm256_max_ps(_mm256_loadu_ps(row + i), least);                   \
            __m256 b = _mm256_max_ps(_mm256_loadu_ps(row + i + 8), least);               \
            __m256i x = pack(_mm256_cvtps_epi32(_mm256_min_ps(a, most)),                 \
                             _mm256_cvtps_epi32(_mm256_min_ps(b, most)));                \
            store(to + i, _mm256_permute4x64_epi64(x, 0xD8));                            \
        }                                                                                \
        rk_row_round_##name##_c(row + i, n - i, to + i);                                 \
    }

RK_ROW_ROUND(i16, rk_i16, -32768.f, 32767.f, _mm256_packs_epi32)
RK_ROW_ROUND(u16, rk_u16, 0.f, 65535.f, _mm256_packus_epi32)

RK_TARGET_END

#endif /* RK_ARCH_X86 */
