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

/* Two vectors side by side, because the four steps of one are a chain. */
#define RK_LIFT(name, way, k0, k1, k2, k3)                                               \
    void rk_dwt97_##name##_avx2(void *const *row, size_t n)                              \
    {                                                                                    \
        rk_f32 *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3];                   \
        rk_f32 *r4 = row[4], *r5 = row[5];                                               \
        const __m256 f0 = _mm256_set1_ps(FACTORS[k0]), f1 = _mm256_set1_ps(FACTORS[k1]); \
        const __m256 f2 = _mm256_set1_ps(FACTORS[k2]), f3 = _mm256_set1_ps(FACTORS[k3]); \
        size_t i = 0;                                                                    \
        for (; i + 16 <= n; i += 16) {                                                   \
            __m256 x2 = load(r2 + i), y2 = load(r2 + i + 8);                             \
            __m256 x1 = way(load(r1 + i), load(r0 + i), x2, f0);                         \
            __m256 y1 = way(load(r1 + i + 8), load(r0 + i + 8), y2, f0);                 \
            __m256 x3 = load(r3 + i), y3 = load(r3 + i + 8), x4, y4;                     \
            store(r1 + i, x1);                                                           \
            store(r1 + i + 8, y1);                                                       \
            x2 = way(x2, x1, x3, f1);                                                    \
            y2 = way(y2, y1, y3, f1);                                                    \
            store(r2 + i, x2);                                                           \
            store(r2 + i + 8, y2);                                                       \
            x4 = load(r4 + i);                                                           \
            y4 = load(r4 + i + 8);                                                       \
            x3 = way(x3, x2, x4, f2);                                                    \
            y3 = way(y3, y2, y4, f2);                                                    \
            store(r3 + i, x3);                                                           \
            store(r3 + i + 8, y3);                                                       \
            store(r4 + i, way(x4, x3, load(r5 + i), f3));                                \
            store(r4 + i + 8, way(y4, y3, load(r5 + i + 8), f3));                        \
        }                                                                                \
        rk_dwt97_##name##_c(                                                             \
            (void *const[]){r0 + i, r1 + i, r2 + i, r3 + i, r4 + i, r5 + i}, n - i);     \
    }

RK_LIFT(ilift, inverse, 0, 1, 2, 3)
RK_LIFT(flift, forward, 3, 2, 1, 0)

/* ---- horizontal, inverse ------------------------------------------------------------------- */

/*
 * A row is seen as pairs (s[k], d[k]) of a low sample, at 2k, and the high one behind it; of an
 * odd row the first sample is d[-1], at -1. Eight pairs k ... k + 7 are a block. Step 0 makes
 * s'[k], which needs d[k - 1]; step 1 then d'[k - 1], step 2 s''[k - 1], step 3 d''[k - 2]; so
 * every step looks one lane back, into the block before for the first lane. What comes out are
 * the samples 2k - 3 ... 2k + 12.
 *
 * One after the other the steps of a block are a chain of some 60 cycles, too long for a core to
 * have enough blocks under way. So four blocks are: with step 0 of block b go step 1 of b - 1,
 * step 2 of b - 2 and step 3 of b - 3, none of which waits for another (a quarter less time).
 */
typedef struct pipeline {
    __m256 d;                   /* of block b - 1 */
    __m256 s1, s1_old, d_back;  /* of b - 1, b - 2, b - 1 */
    __m256 d1, d1_old, s1_back; /* of b - 2, b - 3, b - 2 */
    __m256 s2, s2_old, d1_back; /* of b - 3, b - 4, b - 3 */
} pipeline;

/* x moved up by a lane, with the last lane of the block before in front. */
static inline __m256 one_back(__m256 x, __m256 old)
{
    __m256i t = _mm256_castps_si256(_mm256_permute2f128_ps(old, x, 0x21));
    return _mm256_castsi256_ps(_mm256_alignr_epi8(_mm256_castps_si256(x), t, 12));
}

/* Takes block b in and gives the samples of block b - 3. */
static inline void next_block(rk_f32 *x, const rk_f32 *low, const rk_f32 *high, __m256 gain0,
                              __m256 gain1, pipeline *p)
{
    __m256 s, d, d2, a, b;
    d2 = inverse(p->d1_back, one_back(p->s2, p->s2_old), p->s2, _mm256_set1_ps(RK_DWT97_ALPHA));
    a = _mm256_unpacklo_ps(d2, p->s2);
    b = _mm256_unpackhi_ps(d2, p->s2);
    store(x, _mm256_permute2f128_ps(a, b, 0x20));
    store(x + 8, _mm256_permute2f128_ps(a, b, 0x31));

    p->s2_old = p->s2;
    p->d1_back = one_back(p->d1, p->d1_old);
    p->s2 = inverse(p->s1_back, p->d1_back, p->d1, _mm256_set1_ps(RK_DWT97_BETA));

    p->d1_old = p->d1;
    p->s1_back = one_back(p->s1, p->s1_old);
    p->d1 = inverse(p->d_back, p->s1_back, p->s1, _mm256_set1_ps(RK_DWT97_GAMMA));

    s = _mm256_mul_ps(load(low), gain0);
    d = _mm256_mul_ps(load(high), gain1);
    p->s1_old = p->s1;
    p->d_back = one_back(d, p->d);
    p->s1 = inverse(s, p->d_back, d, _mm256_set1_ps(RK_DWT97_DELTA));
    p->d = d;
}

/*
 * The blocks of a row: 0 begins with the extension to the left, of which three pairs are needed
 * to fill the lanes before the row; blocks 1 ... direct lie where they are, from pair 4 on; then
 * follow two with the rest and the extension to the right (three pairs are enough: samples
 * depend on no more than four behind them) and three of nothing, to get the last ones out.
 */
typedef struct joined {
    const rk_f32 *s, *d;
    rk_f32 *x;
    size_t direct;
    float low[48], high[48]; /* block 0, then those after the direct ones */
    float samples[48], unused[16];
} joined;

static void extend_row(joined *j, ptrdiff_t lows, ptrdiff_t highs, ptrdiff_t last, bool odd)
{
    const rk_f32 *s = j->s, *d = j->d;
    ptrdiff_t k = 4 + 8 * (ptrdiff_t)j->direct;
    for (int i = 0; i < 4; i++) {
        j->low[3 - i] = s[1 - odd + i];
        j->high[3 - i] = d[i - odd];
        j->low[4 + i] = s[i];
        j->high[4 + i] = d[i];
    }
    memset(j->low + 8, 0, sizeof j->low - 8 * sizeof(float));
    memset(j->high + 8, 0, sizeof j->high - 8 * sizeof(float));
    memcpy(j->low + 8, s + k, (size_t)(lows - k) * sizeof(float));
    memcpy(j->high + 8, d + k, (size_t)(highs - k) * sizeof(float));
    for (ptrdiff_t i = 0; i < 3; i++) {
        j->low[8 + lows - k + i] = s[last - 1 - lows - i];
        j->high[8 + highs - k + i] = d[last - 2 - highs - i];
    }
}

/* Block b, and block b - 3 out of it, wherever they lie. */
static inline void any_block(joined *j, size_t b, __m256 gain0, __m256 gain1, pipeline *p)
{
    bool direct = b >= 1 && b <= j->direct;
    size_t at = direct ? 8 * b - 4 : b ? 8 * (b - j->direct) : 0;
    size_t out = b - 3; /* wraps for those before block 0 */
    rk_f32 *x = b < 3             ? j->unused
                : out == 0        ? j->samples
                : out > j->direct ? j->samples + 16 * (out - j->direct)
                                  : j->x + 16 * out - 11;
    next_block(x, (direct ? j->s : j->low) + at, (direct ? j->d : j->high) + at, gain0, gain1, p);
}

void rk_dwt97_join_avx2(void *out, const void *low, const void *high, size_t n, bool odd,
                        const float gain[2])
{
    const __m256 gain0 = _mm256_set1_ps(gain[0]), gain1 = _mm256_set1_ps(gain[1]);
    const size_t lows = (n + !odd) / 2, highs = n - lows - odd, last = n - odd;
    const size_t pairs = highs < lows ? highs : lows;
    size_t b = 0, begin;
    pipeline p;
    joined j;
    if (n < 16) {
        rk_dwt97_join_c(out, low, high, n, odd, gain);
        return;
    }
    j.s = low;
    j.d = (const rk_f32 *)high + odd;
    j.x = (rk_f32 *)out + odd;
    j.direct = pairs < 12 ? 0 : (pairs - 4) / 8;
    extend_row(&j, (ptrdiff_t)lows, (ptrdiff_t)highs, (ptrdiff_t)last, odd);
    memset(&p, 0, sizeof p);
    for (; b < 4; b++)
        any_block(&j, b, gain0, gain1, &p);
    for (; b <= j.direct; b++)
        next_block(j.x + 16 * b - 59, j.s + 8 * b - 4, j.d + 8 * b - 4, gain0, gain1, &p);
    for (; b < j.direct + 6; b++)
        any_block(&j, b, gain0, gain1, &p);
    memcpy(j.x - odd, j.samples + 11 - odd, (5u + odd) * sizeof(float));
    begin = 16 * j.direct + 5;
    memcpy(j.x + begin, j.samples + 16, (last - begin) * sizeof(float));
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
