/* kernels/dwt53.c: reference of dwt53.h. */
#include "kernels/dwt53.h"

#include "kernels/cpu.h"
#include "kernels/dwt53_variants.h"
#include "kernels/words.h"

typedef int64_t RK_ANYWHERE rk_i64;

/*
 * For one type of elements T with the unsigned type U: sums are made in U, so they wrap, and
 * are shifted as T, so that shifts round down.
 */
#define RK_DWT53(T, U, name)                                                             \
    static inline T half_##name(T a, T b)                                                \
    {                                                                                    \
        return (T)((T)((U)a + (U)b) >> 1);                                               \
    }                                                                                    \
    static inline T quarter_##name(T a, T b)                                             \
    {                                                                                    \
        return (T)((T)((U)a + (U)b + 2u) >> 2);                                          \
    }                                                                                    \
    static inline T plus_##name(T a, T b)                                                \
    {                                                                                    \
        return (T)((U)a + (U)b);                                                         \
    }                                                                                    \
    static inline T minus_##name(T a, T b)                                               \
    {                                                                                    \
        return (T)((U)a - (U)b);                                                         \
    }                                                                                    \
                                                                                         \
    void rk_dwt53_ieven_##name##_c(void *row, const void *above, const void *below,      \
                                   size_t n)                                             \
    {                                                                                    \
        T *x = row;                                                                      \
        const T *a = above, *b = below;                                                  \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = minus_##name(x[i], quarter_##name(a[i], b[i]));                       \
    }                                                                                    \
    void rk_dwt53_iodd_##name##_c(void *row, const void *above, const void *below, size_t n) \
    {                                                                                    \
        T *x = row;                                                                      \
        const T *a = above, *b = below;                                                  \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = plus_##name(x[i], half_##name(a[i], b[i]));                           \
    }                                                                                    \
    void rk_dwt53_fodd_##name##_c(void *row, const void *above, const void *below, size_t n) \
    {                                                                                    \
        T *x = row;                                                                      \
        const T *a = above, *b = below;                                                  \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = minus_##name(x[i], half_##name(a[i], b[i]));                          \
    }                                                                                    \
    void rk_dwt53_feven_##name##_c(void *row, const void *above, const void *below,      \
                                   size_t n)                                             \
    {                                                                                    \
        T *x = row;                                                                      \
        const T *a = above, *b = below;                                                  \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = plus_##name(x[i], quarter_##name(a[i], b[i]));                        \
    }                                                                                    \
    void rk_dwt53_ilift_##name##_c(void *const *row, size_t n)                           \
    {                                                                                    \
        rk_dwt53_ieven_##name##_c(row[1], row[0], row[2], n);                            \
        rk_dwt53_iodd_##name##_c(row[2], row[1], row[3], n);                             \
    }                                                                                    \
    void rk_dwt53_flift_##name##_c(void *const *row, size_t n)                           \
    {                                                                                    \
        rk_dwt53_fodd_##name##_c(row[1], row[0], row[2], n);                             \
        rk_dwt53_feven_##name##_c(row[2], row[1], row[3], n);                            \
    }                                                                                    \
    void rk_dwt53_halve_##name##_c(void *row, size_t n)                                  \
    {                                                                                    \
        T *x = row;                                                                      \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = (T)(x[i] / 2);                                                        \
    }                                                                                    \
    void rk_dwt53_twice_##name##_c(void *row, size_t n)                                  \
    {                                                                                    \
        T *x = row;                                                                      \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = plus_##name(x[i], x[i]);                                              \
    }                                                                                    \
                                                                                         \
    /* x[i - 1] and x[i + 1], extended at the ends; n > 1. */                            \
    static inline T left_##name(const T *x, size_t i)                                    \
    {                                                                                    \
        return i > 0 ? x[i - 1] : x[1];                                                  \
    }                                                                                    \
    static inline T right_##name(const T *x, size_t i, size_t n)                         \
    {                                                                                    \
        return i + 1 < n ? x[i + 1] : x[i - 1];                                          \
    }                                                                                    \
    void rk_dwt53_join_##name##_c(void *out, const void *low, const void *high, size_t n, \
                                  bool odd, const float gain[2])                         \
    {                                                                                    \
        T *x = out;                                                                      \
        const T *s = low, *d = high;                                                     \
        (void)gain;                                                                      \
        for (size_t i = 0; i < n; i++)                                                   \
            x[i] = (i & 1) == odd ? *s++ : *d++;                                         \
        if (n == 1 && odd)                                                               \
            x[0] = (T)(x[0] / 2);                                                        \
        if (n <= 1)                                                                      \
            return;                                                                      \
        for (size_t i = odd; i < n; i += 2)                                              \
            x[i] = minus_##name(x[i], quarter_##name(left_##name(x, i),                  \
                                                     right_##name(x, i, n)));            \
        for (size_t i = !odd; i < n; i += 2)                                             \
            x[i] = plus_##name(x[i], half_##name(left_##name(x, i), right_##name(x, i, n))); \
    }                                                                                    \
    void rk_dwt53_split_##name##_c(void *low, void *high, const void *src, size_t n,     \
                                   bool odd, const float gain[2])                        \
    {                                                                                    \
        const T *x = src;                                                                \
        T *s = low, *d = high;                                                           \
        size_t lows = (n + !odd) / 2, highs = n - lows;                                  \
        (void)gain;                                                                      \
        if (n == 1) {                                                                    \
            *(odd ? d : s) = odd ? plus_##name(x[0], x[0]) : x[0];                       \
            return;                                                                      \
        }                                                                                \
        for (size_t k = 0, i = !odd; k < highs; k++, i += 2)                             \
            d[k] = minus_##name(x[i], half_##name(left_##name(x, i), right_##name(x, i, n))); \
        for (size_t k = 0, i = odd; k < lows; k++, i += 2) {                             \
            T a = i > 0 ? d[(i - 1) / 2] : d[0];                                         \
            T b = i + 1 < n ? d[(i + 1) / 2] : d[(i - 1) / 2];                           \
            s[k] = plus_##name(x[i], quarter_##name(a, b));                              \
        }                                                                                \
    }

RK_DWT53(rk_i16, uint16_t, i16)
RK_DWT53(rk_i32, uint32_t, i32)
RK_DWT53(rk_i64, uint64_t, i64)

uint64_t rk_dwt53_peak_i16_c(const void *row, size_t n)
{
    const rk_i16 *x = row;
    uint32_t peak = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = (uint32_t)(x[i] < 0 ? -x[i] : x[i]);
        peak = magnitude > peak ? magnitude : peak;
    }
    return peak;
}

uint64_t rk_dwt53_peak_i32_c(const void *row, size_t n)
{
    const rk_i32 *x = row;
    uint32_t peak = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = x[i] < 0 ? 0u - (uint32_t)x[i] : (uint32_t)x[i];
        peak = magnitude > peak ? magnitude : peak;
    }
    return peak;
}

void rk_dwt53_narrow_c(const void *src, void *out, size_t n)
{
    const rk_i32 *x = src;
    rk_i16 *to = out;
    for (size_t i = 0; i < n; i++)
        to[i] = (int16_t)x[i];
}

void rk_dwt53_widen_c(const void *src, void *out, size_t n)
{
    const rk_i16 *x = src;
    rk_i32 *to = out;
    for (size_t i = 0; i < n; i++)
        to[i] = x[i];
}

bool rk_dwt53_fits(unsigned bits, uint64_t ll, uint64_t hl, uint64_t lh, uint64_t hh)
{
    const uint64_t most = (uint64_t)1 << 58; /* then the sums below cannot wrap */
    const uint64_t slack = 16, limit = ((uint64_t)1 << (bits - 1)) - 1;
    uint64_t low, high; /* twice the bounds of the rows */
    if (ll > most || hl > most || lh > most || hh > most)
        return false;
    low = 2 * ll + 3 * hl;
    high = 2 * lh + 3 * hh;
    return high + slack <= limit && low + high / 2 + slack <= limit &&
           (low + high + high / 2) / 2 + slack <= limit;
}

/* The filters: step 0 changes the rows that arrive second to last. */
#define RK_FILTER_INVERSE(type, c_type)                                                  \
    (rk_dwt_filter)                                                                      \
    {                                                                                    \
        .join = t->join_##type, .lift = t->ilift_##type,                                 \
        .step = {t->ieven_##type, t->iodd_##type}, .single = t->halve_##type, .low = 1,  \
        .high = 1, .odd = 1, .steps = 2, .size = sizeof(c_type)                          \
    }

#define RK_FILTER_FORWARD(type, c_type)                                                  \
    (rk_dwt_filter)                                                                      \
    {                                                                                    \
        .split = t->split_##type, .lift = t->flift_##type,                               \
        .step = {t->fodd_##type, t->feven_##type}, .single = t->twice_##type, .low = 1,  \
        .high = 1, .odd = 1, .steps = 2, .size = sizeof(c_type)                          \
    }

rk_dwt_filter rk_dwt53_inverse(const rk_dwt53_table *t, rk_dwt_type type)
{
    if (type == RK_DWT_INT16)
        return RK_FILTER_INVERSE(i16, int16_t);
    if (type == RK_DWT_INT32)
        return RK_FILTER_INVERSE(i32, int32_t);
    return RK_FILTER_INVERSE(i64, int64_t);
}

rk_dwt_filter rk_dwt53_forward(const rk_dwt53_table *t, rk_dwt_type type)
{
    if (type == RK_DWT_INT16)
        return RK_FILTER_FORWARD(i16, int16_t);
    if (type == RK_DWT_INT32)
        return RK_FILTER_FORWARD(i32, int32_t);
    return RK_FILTER_FORWARD(i64, int64_t);
}

#define RK_FILL(name, isa) t->name = rk_dwt53_##name##_##isa
#define RK_FILL_TYPE(type, isa)                                                          \
    do {                                                                                 \
        RK_FILL(join_##type, isa);                                                       \
        RK_FILL(split_##type, isa);                                                      \
        RK_FILL(ilift_##type, isa);                                                      \
        RK_FILL(flift_##type, isa);                                                      \
        RK_FILL(ieven_##type, isa);                                                      \
        RK_FILL(iodd_##type, isa);                                                       \
        RK_FILL(fodd_##type, isa);                                                       \
        RK_FILL(feven_##type, isa);                                                      \
    } while (0)

void rk_dwt53_table_fill(rk_dwt53_table *t, uint32_t cpu)
{
    RK_FILL_TYPE(i16, c);
    RK_FILL_TYPE(i32, c);
    RK_FILL_TYPE(i64, c);
    RK_FILL(halve_i16, c);
    RK_FILL(halve_i32, c);
    RK_FILL(halve_i64, c);
    RK_FILL(twice_i16, c);
    RK_FILL(twice_i32, c);
    RK_FILL(twice_i64, c);
    RK_FILL(peak_i16, c);
    RK_FILL(peak_i32, c);
    RK_FILL(narrow, c);
    RK_FILL(widen, c);
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        RK_FILL_TYPE(i16, avx2);
        RK_FILL_TYPE(i32, avx2);
        RK_FILL(peak_i16, avx2);
        RK_FILL(peak_i32, avx2);
        RK_FILL(narrow, avx2);
        RK_FILL(widen, avx2);
    }
#else
    (void)cpu;
#endif
}
