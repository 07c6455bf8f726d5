/* kernels/dwt53_avx2.c: AVX2 variants of dwt53.h. */
#include "kernels/cpu.h"

#if RK_ARCH_X86

#include <immintrin.h>

#include "kernels/dwt53_variants.h"
#include "kernels/words.h"

RK_TARGET_BEGIN(RK_ISA_AVX2)

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i x)
{
    _mm256_storeu_si256((__m256i *)p, x);
}

#define ADD_i16 _mm256_add_epi16
#define SUB_i16 _mm256_sub_epi16
#define SRA_i16 _mm256_srai_epi16
#define SET_i16 _mm256_set1_epi16
#define LOW_i16 _mm256_unpacklo_epi16
#define HIGH_i16 _mm256_unpackhi_epi16
#define ADD_i32 _mm256_add_epi32
#define SUB_i32 _mm256_sub_epi32
#define SRA_i32 _mm256_srai_epi32
#define SET_i32 _mm256_set1_epi32
#define LOW_i32 _mm256_unpacklo_epi32
#define HIGH_i32 _mm256_unpackhi_epi32

/* Even and odd elements of 64 bytes, in order. */
static inline void part_i16(const rk_i16 *x, __m256i *even, __m256i *odd)
{
    __m256i a = load(x), b = load(x + 16);
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    __m256i e = _mm256_packus_epi32(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask));
    __m256i o = _mm256_packus_epi32(_mm256_srli_epi32(a, 16), _mm256_srli_epi32(b, 16));
    *even = _mm256_permute4x64_epi64(e, 0xD8);
    *odd = _mm256_permute4x64_epi64(o, 0xD8);
}

static inline void part_i32(const rk_i32 *x, __m256i *even, __m256i *odd)
{
    __m256 a = _mm256_castsi256_ps(load(x)), b = _mm256_castsi256_ps(load(x + 8));
    __m256i e = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88));
    __m256i o = _mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xDD));
    *even = _mm256_permute4x64_epi64(e, 0xD8);
    *odd = _mm256_permute4x64_epi64(o, 0xD8);
}

/*
 * A row is seen as pairs (s[k], d[k]) of a low and the high sample behind it; of an odd row the
 * high sample before the first pair is d[-1]. There are `lows` low and `highs` high ones
 * from index 0 on. even(k) is x(2n) of pair k; ends are extended.
 */
#define RK_JOIN(T, U, name, lanes)                                                       \
    static inline T even_##name(const T *s, const T *d, ptrdiff_t k, ptrdiff_t highs,    \
                                bool odd)                                                \
    {                                                                                    \
        T a = k > 0 || odd ? d[k - 1] : d[0];                                            \
        T b = k < highs ? d[k] : d[k - 1];                                               \
        return (T)((U)s[k] - (U)((T)((U)a + (U)b + 2u) >> 2));                           \
    }                                                                                    \
    static inline T odd_##name(T d, T a, T b)                                            \
    {                                                                                    \
        return (T)((U)d + (U)((T)((U)a + (U)b) >> 1));                                   \
    }                                                                                    \
    /* Pairs [k, end) one by one. */                                                     \
    static void pairs_##name(T *x, const T *s, const T *d, ptrdiff_t k, ptrdiff_t end,   \
                             ptrdiff_t lows, ptrdiff_t highs, bool odd)                  \
    {                                                                                    \
        for (; k < end; k++) {                                                           \
            T e = even_##name(s, d, k, highs, odd);                                      \
            x[2 * k] = e;                                                                \
            if (k < highs)                                                               \
                x[2 * k + 1] = odd_##name(                                               \
                    d[k], e, k + 1 < lows ? even_##name(s, d, k + 1, highs, odd) : e);   \
        }                                                                                \
    }                                                                                    \
    static inline __m256i evens_##name(const T *s, const T *d)                           \
    {                                                                                    \
        __m256i sum = ADD_##name(ADD_##name(load(d - 1), load(d)), SET_##name(2));       \
        return SUB_##name(load(s), SRA_##name(sum, 2));                                  \
    }                                                                                    \
    /* `lanes` pairs that have neighbours on both sides. */                              \
    static inline void pairs_vector_##name(T *x, const T *s, const T *d)                 \
    {                                                                                    \
        __m256i e = evens_##name(s, d), next = evens_##name(s + 1, d + 1);               \
        __m256i o = ADD_##name(load(d), SRA_##name(ADD_##name(e, next), 1));             \
        __m256i a = LOW_##name(e, o), b = HIGH_##name(e, o);                             \
        store(x, _mm256_permute2x128_si256(a, b, 0x20));                                 \
        store(x + lanes, _mm256_permute2x128_si256(a, b, 0x31));                         \
    }                                                                                    \
    void rk_dwt53_join_##name##_avx2(void *out, const void *low, const void *high,       \
                                     size_t n, bool odd, const float gain[2])            \
    {                                                                                    \
        T *x = (T *)out + odd;                                                           \
        const T *s = low, *d = (const T *)high + odd;                                    \
        const ptrdiff_t lows = (ptrdiff_t)(n + !odd) / 2;                                \
        const ptrdiff_t highs = (ptrdiff_t)n - lows - odd;                               \
        const ptrdiff_t end = (highs < lows ? highs : lows) - 1;                         \
        ptrdiff_t k = !odd;                                                              \
        if (end - k < lanes) {                                                           \
            rk_dwt53_join_##name##_c(out, low, high, n, odd, gain);                      \
            return;                                                                      \
        }                                                                                \
        if (odd) {                                                                       \
            T e = even_##name(s, d, 0, highs, odd);                                      \
            x[-1] = odd_##name(d[-1], e, e);                                             \
        } else {                                                                         \
            pairs_##name(x, s, d, 0, 1, lows, highs, odd);                               \
        }                                                                                \
        for (; k + lanes <= end; k += lanes)                                             \
            pairs_vector_##name(x + 2 * k, s + k, d + k);                                \
        if (k < end) { /* the last vector overlaps the one before */                     \
            k = end - lanes;                                                             \
            pairs_vector_##name(x + 2 * k, s + k, d + k);                                \
        }                                                                                \
        pairs_##name(x, s, d, end, lows, lows, highs, odd);                              \
    }

RK_JOIN(rk_i16, uint16_t, i16, 16)
RK_JOIN(rk_i32, uint32_t, i32, 8)

/* One lifting step: row = row OP ((above + below + round) >> shift). */
#define RK_STEP(T, name, lanes, step, op, round, shift)                                  \
    void rk_dwt53_##step##_##name##_avx2(void *row, const void *above, const void *below, \
                                         size_t n)                                       \
    {                                                                                    \
        T *x = row;                                                                      \
        const T *a = above, *b = below;                                                  \
        size_t i = 0;                                                                    \
        for (; i + lanes <= n; i += lanes) {                                             \
            __m256i sum = ADD_##name(load(a + i), load(b + i));                          \
            if (round)                                                                   \
                sum = ADD_##name(sum, SET_##name(round));                                \
            store(x + i, op##_##name(load(x + i), SRA_##name(sum, shift)));              \
        }                                                                                \
        rk_dwt53_##step##_##name##_c(x + i, a + i, b + i, n - i);                        \
    }

/* Both steps; r3 is the neighbour above that was finished before. */
#define RK_LIFT(T, name, lanes, lift, op1, round1, shift1, op2, round2, shift2)          \
    void rk_dwt53_##lift##_##name##_avx2(void *const *row, size_t n)                     \
    {                                                                                    \
        T *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3];                        \
        size_t i = 0;                                                                    \
        for (; i + lanes <= n; i += lanes) {                                             \
            __m256i x2 = load(r2 + i), x1, sum = ADD_##name(load(r0 + i), x2);           \
            if (round1)                                                                  \
                sum = ADD_##name(sum, SET_##name(round1));                               \
            x1 = op1##_##name(load(r1 + i), SRA_##name(sum, shift1));                    \
            store(r1 + i, x1);                                                           \
            sum = ADD_##name(x1, load(r3 + i));                                          \
            if (round2)                                                                  \
                sum = ADD_##name(sum, SET_##name(round2));                               \
            store(r2 + i, op2##_##name(x2, SRA_##name(sum, shift2)));                    \
        }                                                                                \
        rk_dwt53_##lift##_##name##_c((void *const[]){r0 + i, r1 + i, r2 + i, r3 + i}, n - i); \
    }

#define RK_STEPS(T, name, lanes)                                                         \
    RK_STEP(T, name, lanes, ieven, SUB, 2, 2)                                            \
    RK_STEP(T, name, lanes, iodd, ADD, 0, 1)                                             \
    RK_STEP(T, name, lanes, fodd, SUB, 0, 1)                                             \
    RK_STEP(T, name, lanes, feven, ADD, 2, 2)                                            \
    RK_LIFT(T, name, lanes, ilift, SUB, 2, 2, ADD, 0, 1)                                 \
    RK_LIFT(T, name, lanes, flift, SUB, 0, 1, ADD, 2, 2)

RK_STEPS(rk_i16, i16, 16)
RK_STEPS(rk_i32, i32, 8)

/*
 * Forward: even and odd samples are parted, then lifted where they lie, as the vertical steps
 * do it, with the sample at each end by itself.
 */
#define RK_SPLIT(T, name, lanes)                                                         \
    void rk_dwt53_split_##name##_avx2(void *low, void *high, const void *src, size_t n,  \
                                      bool odd, const float gain[2])                     \
    {                                                                                    \
        const T *x = src;                                                                \
        T *s = low, *d = high, *first = odd ? d : s, *second = odd ? s : d;              \
        size_t lows = (n + !odd) / 2, highs = n - lows, i = 0;                           \
        size_t begin = odd, end = begin + lows - 1; /* highs with both neighbours */     \
        if (n < 2 * lanes) {                                                             \
            rk_dwt53_split_##name##_c(low, high, src, n, odd, gain);                     \
            return;                                                                      \
        }                                                                                \
        for (; i + 2 * lanes <= n; i += 2 * lanes) {                                     \
            __m256i a, b;                                                                \
            part_##name(x + i, &a, &b);                                                  \
            store(first + i / 2, a);                                                     \
            store(second + i / 2, b);                                                    \
        }                                                                                \
        for (; i < n; i++)                                                               \
            (i & 1 ? second : first)[i / 2] = x[i];                                      \
        if (odd)                                                                         \
            rk_dwt53_fodd_##name##_c(d, s, s, 1);                                        \
        rk_dwt53_fodd_##name##_avx2(d + begin, s, s + 1, end - begin);                   \
        if (end < highs)                                                                 \
            rk_dwt53_fodd_##name##_c(d + end, s + lows - 1, s + lows - 1, 1);            \
        begin = !odd; /* lows with both neighbours */                                    \
        end = begin + highs - 1;                                                         \
        if (!odd)                                                                        \
            rk_dwt53_feven_##name##_c(s, d, d, 1);                                       \
        rk_dwt53_feven_##name##_avx2(s + begin, d, d + 1, end - begin);                  \
        if (end < lows)                                                                  \
            rk_dwt53_feven_##name##_c(s + end, d + highs - 1, d + highs - 1, 1);         \
    }

RK_SPLIT(rk_i16, i16, 16)
RK_SPLIT(rk_i32, i32, 8)

uint64_t rk_dwt53_peak_i16_avx2(const void *row, size_t n)
{
    const rk_i16 *x = row;
    __m256i most = _mm256_setzero_si256();
    uint16_t lanes[16];
    uint64_t peak = 0, tail;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) /* of -32768 it is 0x8000, as an unsigned number right */
        most = _mm256_max_epu16(most, _mm256_abs_epi16(load(x + i)));
    store(lanes, most);
    for (int k = 0; k < 16; k++)
        peak = lanes[k] > peak ? lanes[k] : peak;
    tail = rk_dwt53_peak_i16_c(x + i, n - i);
    return tail > peak ? tail : peak;
}

uint64_t rk_dwt53_peak_i32_avx2(const void *row, size_t n)
{
    const rk_i32 *x = row;
    __m256i most = _mm256_setzero_si256();
    uint32_t lanes[8];
    uint64_t peak = 0, tail;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        most = _mm256_max_epu32(most, _mm256_abs_epi32(load(x + i)));
    store(lanes, most);
    for (int k = 0; k < 8; k++)
        peak = lanes[k] > peak ? lanes[k] : peak;
    tail = rk_dwt53_peak_i32_c(x + i, n - i);
    return tail > peak ? tail : peak;
}

void rk_dwt53_narrow_avx2(const void *src, void *out, size_t n)
{
    const rk_i32 *x = src;
    rk_i16 *to = out;
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i a = _mm256_and_si256(load(x + i), mask);
        __m256i b = _mm256_and_si256(load(x + i + 8), mask);
        store(to + i, _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xD8));
    }
    rk_dwt53_narrow_c(x + i, to + i, n - i);
}

void rk_dwt53_widen_avx2(const void *src, void *out, size_t n)
{
    const rk_i16 *x = src;
    rk_i32 *to = out;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        store(to + i, _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(x + i))));
    rk_dwt53_widen_c(x + i, to + i, n - i);
}

RK_TARGET_END

#endif /* RK_ARCH_X86 */
