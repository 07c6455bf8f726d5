/* kernels/dwt97.c: reference of dwt97.h. */
#include "kernels/dwt97.h"

#include "kernels/cpu.h"
#include "kernels/dwt97_variants.h"
#include "kernels/words.h"

/* Products and sums are rounded apart, as on machines without fused operations. gcc does so under
 * -std=c11. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* The coefficients of the inverse steps 0 to 3; those of the forward transform run backwards. */
static const float FACTORS[4] = {RK_DWT97_DELTA, RK_DWT97_GAMMA, RK_DWT97_BETA, RK_DWT97_ALPHA};

static void inverse_step(void *row, const void *above, const void *below, size_t n, float factor)
{
    rk_f32 *x = row;
    const rk_f32 *a = above, *b = below;
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] - factor * (a[i] + b[i]);
}

static void forward_step(void *row, const void *above, const void *below, size_t n, float factor)
{
    rk_f32 *x = row;
    const rk_f32 *a = above, *b = below;
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] + factor * (a[i] + b[i]);
}

#define RK_STEP_C(k)                                                                     \
    void rk_dwt97_istep##k##_c(void *row, const void *above, const void *below, size_t n) \
    {                                                                                    \
        inverse_step(row, above, below, n, FACTORS[k]);                                  \
    }                                                                                    \
    void rk_dwt97_fstep##k##_c(void *row, const void *above, const void *below, size_t n) \
    {                                                                                    \
        forward_step(row, above, below, n, FACTORS[3 - (k)]);                            \
    }

RK_STEP_C(0)
RK_STEP_C(1)
RK_STEP_C(2)
RK_STEP_C(3)

void rk_dwt97_ilift_c(void *const *row, size_t n)
{
    for (int k = 0; k < 4; k++)
        inverse_step(row[k + 1], row[k], row[k + 2], n, FACTORS[k]);
}

void rk_dwt97_flift_c(void *const *row, size_t n)
{
    for (int k = 0; k < 4; k++)
        forward_step(row[k + 1], row[k], row[k + 2], n, FACTORS[3 - k]);
}

/* The sum of both neighbours of x[i], extended at the ends; n > 1. */
static inline float around(const rk_f32 *x, size_t i, size_t n)
{
    return (i > 0 ? x[i - 1] : x[1]) + (i + 1 < n ? x[i + 1] : x[i - 1]);
}

void rk_dwt97_join_c(void *out, const void *low, const void *high, size_t n, bool odd,
                     const float gain[2])
{
    rk_f32 *x = out;
    const rk_f32 *s = low, *d = high;
    for (size_t i = 0; i < n; i++)
        x[i] = (i & 1) == odd ? *s++ * gain[0] : *d++ * gain[1];
    if (n == 1)
        return;
    for (unsigned k = 0; k < 4; k++)
        for (size_t i = (k & 1) ^ odd; i < n; i += 2)
            x[i] = x[i] - FACTORS[k] * around(x, i, n);
}

/*
 * The halves are lifted where they lie. Neighbours in the other half, extended at the ends, of
 * low k: high k - 1 and k, of an odd row k and k + 1; of high k: low k and k + 1, or k - 1 and k.
 */
static void split_step(rk_f32 *x, size_t count, const rk_f32 *other, size_t others, bool before,
                       float factor)
{
    for (size_t k = 0; k < count; k++) {
        float a = before ? (k > 0 ? other[k - 1] : other[0]) : other[k < others ? k : k - 1];
        size_t next = before ? k : k + 1;
        x[k] = x[k] + factor * (a + (next < others ? other[next] : other[next - 1]));
    }
}

void rk_dwt97_split_c(void *low, void *high, const void *src, size_t n, bool odd,
                      const float gain[2])
{
    const rk_f32 *x = src;
    rk_f32 *s = low, *d = high;
    size_t lows = (n + !odd) / 2, highs = n - lows;
    for (size_t i = 0; i < n; i++)
        ((i & 1) == odd ? s : d)[i / 2] = x[i];
    for (unsigned k = 0; k < 4 && n > 1; k++) {
        if (k & 1)
            split_step(s, lows, d, highs, !odd, FACTORS[3 - k]);
        else
            split_step(d, highs, s, lows, odd, FACTORS[3 - k]);
    }
    for (size_t k = 0; k < lows; k++)
        s[k] = s[k] * gain[0];
    for (size_t k = 0; k < highs; k++)
        d[k] = d[k] * gain[1];
}

rk_dwt_filter rk_dwt97_inverse(const rk_dwt97_table *t)
{
    return (rk_dwt_filter){.join = t->join,
                           .lift = t->ilift,
                           .step = {t->istep0, t->istep1, t->istep2, t->istep3},
                           .low = RK_DWT97_K,
                           .high = 1 / RK_DWT97_K,
                           .odd = 0.5,
                           .steps = 4,
                           .size = sizeof(float)};
}

rk_dwt_filter rk_dwt97_forward(const rk_dwt97_table *t)
{
    return (rk_dwt_filter){.split = t->split,
                           .lift = t->flift,
                           .step = {t->fstep0, t->fstep1, t->fstep2, t->fstep3},
                           .low = 1 / RK_DWT97_K,
                           .high = RK_DWT97_K,
                           .odd = 2,
                           .steps = 4,
                           .size = sizeof(float)};
}

#define RK_FILL(name, isa) t->name = rk_dwt97_##name##_##isa
#define RK_FILL_ALL(isa)                                                                 \
    do {                                                                                 \
        RK_FILL(join, isa);                                                              \
        RK_FILL(split, isa);                                                             \
        RK_FILL(ilift, isa);                                                             \
        RK_FILL(flift, isa);                                                             \
        RK_FILL(istep0, isa);                                                            \
        RK_FILL(istep1, isa);                                                            \
        RK_FILL(istep2, isa);                                                            \
        RK_FILL(istep3, isa);                                                            \
        RK_FILL(fstep0, isa);                                                            \
        RK_FILL(fstep1, isa);                                                            \
        RK_FILL(fstep2, isa);                                                            \
        RK_FILL(fstep3, isa);                                                            \
    } while (0)

void rk_dwt97_table_fill(rk_dwt97_table *t, uint32_t cpu)
{
    RK_FILL_ALL(c);
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        RK_FILL_ALL(avx2);
#else
    (void)cpu;
#endif
}
