/* kernels/dwt97_avx2.c: AVX2 variants of dwt97.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>
#include <string.h>

#include "kernels/dwt97_variants.h"
#include "kernels/words.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

RK_TARGET_BEGIN(RK_ISA_AVX2) /* without FMA, so nothing can be fused */

/* The inverse steps, 0 to 3. */
static const float FACTORS[4] = {RK_DWT97_DELTA, RK_DWT97_GAMMA, RK_DWT97_BETA, RK_DWT97_ALPHA};

static inline __m256 load(const void *p)
{
    return _mm256_loadu_ps(p);
}

static inline void store(void *p, __m256 x)
{
    _mm256_storeu_ps(p, x);
}

static inline __m256 inverse(__m256 x, __m256 a, __m256 b, __m256 factor)
{
    return _mm256_sub_ps(x, _mm256_mul_ps(factor, _mm256_add_ps(a, b)));
}

static inline __m256 forward(__m256 x, __m256 a, __m256 b, __m256 factor)
{
    return _mm256_add_ps(x, _mm256_mul_ps(factor, _mm256_add_ps(a, b)));
}

/* ---- vertical ------------------------------------------------------------------------------ */

#define RK_STEP(name, way, k)                                                            \
    void rk_dwt97_##name##_avx2(void *row, const void *above, const void *below, size_t n) \
    {                                                                                    \
        rk_f32 *x = row;                                                                 \
        const rk_f32 *a = above, *b = below;                                             \
        const __m256 factor = _mm256_set1_ps(FACTORS[k]);                                \
        size_t i = 0;                                                                    \
        for (; i + 8 <= n; i += 8)                                                       \
            store(x + i, way(load(x + i), load(a + i), load(b + i), factor));            \
        rk_dwt97_##name##_c(x + i, a + i, b + i, n - i);                                 \
    }

RK_STEP(istep0, inverse, 0)
RK_STEP(istep1, inverse, 1)
RK_STEP(istep2, inverse, 2)
RK_STEP(istep3, inverse, 3)
RK_STEP(fstep0, forward, 3)
RK_STEP(fstep1, forward, 2)
RK_STEP(fstep2, forward, 1)
RK_STEP(fstep3, forward, 0)

#define RK_LIFT(name, way, k0, k1, k2, k3)                                               \
    void rk_dwt97_##name##_avx2(void *const *row, size_t n)                              \
    {                                                                                    \
        rk_f32 *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3];                   \
        rk_f32 *r4 = row[4], *r5 = row[5];                                               \
        const __m256 f0 = _mm256_set1_ps(FACTORS[k0]), f1 = _mm256_set1_ps(FACTORS[k1]); \
        const __m256 f2 = _mm256_set1_ps(FACTORS[k2]), f3 = _mm256_set1_ps(FACTORS[k3]); \
        size_t i = 0;                                                                    \
        for (; i + 8 <= n; i += 8) {                                                     \
            __m256 x2 = load(r2 + i), x3 = load(r3 + i), x4 = load(r4 + i);              \
            __m256 x1 = way(load(r1 + i), load(r0 + i), x2, f0);                         \
            store(r1 + i, x1);                                                           \
            x2 = way(x2, x1, x3, f1);                                                    \
            store(r2 + i, x2);                                                           \
            x3 = way(x3, x2, x4, f2);                                                    \
            store(r3 + i, x3);                                                           \
            store(r4 + i, way(x4, x3, load(r5 + i), f3));                                \
        }                                                                                \
        rk_dwt97_##name##_c(                                                             \
            (void *const[]){r0 + i, r1 + i, r2 + i, r3 + i, r4 + i, r5 + i}, n - i);     \
    }

RK_LIFT(ilift, inverse, 0, 1, 2, 3)
RK_LIFT(flift, forward, 3, 2, 1, 0)

/* ---- horizontal, inverse ------------------------------------------------------------------- */

/*
 * A row is seen as pairs (s[k], d[k]) of a low sample, at 2k, and the high one behind it; of an
 * odd row the first sample is d[-1], at -1. Eight pairs k ... k + 7 go through all steps at
 * once. Step 0 gives s'[k], which needs d[k - 1]; step 1 then d'[k - 1], step 2 s''[k - 1] and
 * step 3 d''[k - 2]; so every step looks one lane back, and the lane before the first is
 * carried from the eight pairs before. What comes out are the samples 2k - 3 ... 2k + 12.
 */
typedef struct carried {
    __m256 d, s1, d1, s2; /* the last vectors */
} carried;

/* x moved up by a lane, with the last lane of the vector before in front. */
static inline __m256 one_back(__m256 x, __m256 *carry)
{
    __m256i t = _mm256_castps_si256(_mm256_permute2f128_ps(*carry, x, 0x21));
    __m256 back = _mm256_castsi256_ps(_mm256_alignr_epi8(_mm256_castps_si256(x), t, 12));
    *carry = x;
    return back;
}

static inline void eight_pairs(rk_f32 *x, const rk_f32 *low, const rk_f32 *high, __m256 gain0,
                               __m256 gain1, carried *c)
{
    __m256 s = _mm256_mul_ps(load(low), gain0), d = _mm256_mul_ps(load(high), gain1);
    __m256 d_back = one_back(d, &c->d);
    __m256 s1 = inverse(s, d_back, d, _mm256_set1_ps(RK_DWT97_DELTA));
    __m256 s1_back = one_back(s1, &c->s1);
    __m256 d1 = inverse(d_back, s1_back, s1, _mm256_set1_ps(RK_DWT97_GAMMA));
    __m256 d1_back = one_back(d1, &c->d1);
    __m256 s2 = inverse(s1_back, d1_back, d1, _mm256_set1_ps(RK_DWT97_BETA));
    __m256 s2_back = one_back(s2, &c->s2);
    __m256 d2 = inverse(d1_back, s2_back, s2, _mm256_set1_ps(RK_DWT97_ALPHA));
    __m256 a = _mm256_unpacklo_ps(d2, s2), b = _mm256_unpackhi_ps(d2, s2);
    store(x, _mm256_permute2f128_ps(a, b, 0x20));
    store(x + 8, _mm256_permute2f128_ps(a, b, 0x31));
}

/* Pairs -4 ... 3: the first four are the extension to the left of the row, of which three are
 * needed to fill the carried lanes. Only the samples that lie inside are written. */
static void first_pairs(rk_f32 *x, const rk_f32 *s, const rk_f32 *d, bool odd, __m256 gain0,
                        __m256 gain1, carried *c)
{
    float low[8], high[8], samples[16];
    for (int i = 0; i < 4; i++) {
        low[3 - i] = s[1 - odd + i];
        high[3 - i] = d[i - odd];
        low[4 + i] = s[i];
        high[4 + i] = d[i];
    }
    eight_pairs(samples, low, high, gain0, gain1, c);
    memcpy(x - odd, samples + 11 - odd, (5u + odd) * sizeof(float));
}

/*
 * The pairs from k on, up to eight, and the extension to the right. The last sample is at
 * `last` - 1. Results lag by three samples and lie up to four before what they need, so three
 * more of each half are extended; what follows them does not matter.
 */
static void last_pairs(rk_f32 *x, const rk_f32 *s, const rk_f32 *d, ptrdiff_t k, ptrdiff_t lows,
                       ptrdiff_t highs, ptrdiff_t last, __m256 gain0, __m256 gain1, carried *c)
{
    float low[16] = {0}, high[16] = {0}, samples[32];
    ptrdiff_t begin = 2 * k - 3;
    memcpy(low, s + k, (size_t)(lows - k) * sizeof(float));
    memcpy(high, d + k, (size_t)(highs - k) * sizeof(float));
    for (ptrdiff_t j = 0; j < 3; j++) {
        low[lows - k + j] = s[last - 1 - lows - j];
        high[highs - k + j] = d[last - 2 - highs - j];
    }
    eight_pairs(samples, low, high, gain0, gain1, c);
    eight_pairs(samples + 16, low + 8, high + 8, gain0, gain1, c);
    memcpy(x + begin, samples, (size_t)(last - begin) * sizeof(float));
}

void rk_dwt97_join_avx2(void *out, const void *low, const void *high, size_t n, bool odd,
                        const float gain[2])
{
    const rk_f32 *s = low, *d = (const rk_f32 *)high + odd;
    rk_f32 *x = (rk_f32 *)out + odd;
    const __m256 gain0 = _mm256_set1_ps(gain[0]), gain1 = _mm256_set1_ps(gain[1]);
    const ptrdiff_t lows = (ptrdiff_t)(n + !odd) / 2, highs = (ptrdiff_t)n - lows - odd;
    const ptrdiff_t pairs = highs < lows ? highs : lows, last = (ptrdiff_t)n - odd;
    carried c;
    ptrdiff_t k = 4;
    if (n < 16) {
        rk_dwt97_join_c(out, low, high, n, odd, gain);
        return;
    }
    c.d = c.s1 = c.d1 = c.s2 = _mm256_setzero_ps();
    first_pairs(x, s, d, odd, gain0, gain1, &c);
    for (; k + 8 <= pairs; k += 8)
        eight_pairs(x + 2 * k - 3, s + k, d + k, gain0, gain1, &c);
    last_pairs(x, s, d, k, lows, highs, last, gain0, gain1, &c);
}

/* ---- horizontal, forward ------------------------------------------------------------------- */

/* One step on a half, from its neighbours in the other one: those with two of them as a row, the
 * first and the last by themselves. Of x[k] they are other[k - 1] and other[k] if `before`. */
static void split_step(rk_f32 *x, size_t count, const rk_f32 *other, size_t others, bool before,
                       rk_dwt_step_fn *step)
{
    size_t begin = before, end = before + others - 1;
    if (before)
        step(x, other, other, 1);
    step(x + begin, other, other + 1, end - begin);
    if (end < count)
        step(x + end, other + others - 1, other + others - 1, 1);
}

static void scale(rk_f32 *x, size_t n, float gain)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        store(x + i, _mm256_mul_ps(load(x + i), _mm256_set1_ps(gain)));
    for (; i < n; i++)
        x[i] = x[i] * gain;
}

void rk_dwt97_split_avx2(void *low, void *high, const void *src, size_t n, bool odd,
                         const float gain[2])
{
    const rk_f32 *x = src;
    rk_f32 *s = low, *d = high, *first = odd ? d : s, *second = odd ? s : d;
    size_t lows = (n + !odd) / 2, highs = n - lows, i = 0;
    if (n < 16) {
        rk_dwt97_split_c(low, high, src, n, odd, gain);
        return;
    }
    for (; i + 16 <= n; i += 16) {
        __m256 a = load(x + i), b = load(x + i + 8);
        __m256d e = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
        __m256d o = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xDD));
        store(first + i / 2, _mm256_castpd_ps(_mm256_permute4x64_pd(e, 0xD8)));
        store(second + i / 2, _mm256_castpd_ps(_mm256_permute4x64_pd(o, 0xD8)));
    }
    for (; i < n; i++)
        (i & 1 ? second : first)[i / 2] = x[i];
    split_step(d, highs, s, lows, odd, rk_dwt97_fstep0_avx2);
    split_step(s, lows, d, highs, !odd, rk_dwt97_fstep1_avx2);
    split_step(d, highs, s, lows, odd, rk_dwt97_fstep2_avx2);
    split_step(s, lows, d, highs, !odd, rk_dwt97_fstep3_avx2);
    scale(s, lows, gain[0]);
    scale(d, highs, gain[1]);
}

RK_TARGET_END

#endif /* RK_ARCH_X86 */
