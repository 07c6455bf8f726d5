/* kernels/mct.c: reference of mct.h. */
#include "kernels/mct.h"

#include <math.h>

#include "kernels/cpu.h"
#include "kernels/mct_variants.h"
#include "kernels/words.h"

/* Products and sums are rounded apart; gcc does so under -std=c11. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

typedef int64_t RK_ANYWHERE rk_i64;

rk_mct_range rk_mct_range_of(unsigned bits, bool is_signed)
{
    uint32_t half = (uint32_t)1 << (bits - 1);
    return (rk_mct_range){.low = (int32_t)(0u - half),
                          .high = (int32_t)(half - 1),
                          .add = is_signed ? 0 : half};
}

/* ---- component transforms -------------------------------------------------------------------- */

/* T: type of the elements, U: unsigned type in which sums wrap. */
#define RK_IRCT(T, U, name)                                                              \
    void rk_mct_irct_##name##_c(void *a, void *b, void *c, size_t n)                     \
    {                                                                                    \
        T *x = a, *y = b, *z = c;                                                        \
        for (size_t i = 0; i < n; i++) {                                                 \
            T u = y[i], v = z[i];                                                        \
            T green = (T)((U)x[i] - (U)((T)((U)u + (U)v) >> 2));                         \
            x[i] = (T)((U)v + (U)green);                                                 \
            y[i] = green;                                                                \
            z[i] = (T)((U)u + (U)green);                                                 \
        }                                                                                \
    }

#define RK_FRCT(T, U, name)                                                              \
    void rk_mct_frct_##name##_c(void *a, void *b, void *c, size_t n)                     \
    {                                                                                    \
        T *x = a, *y = b, *z = c;                                                        \
        for (size_t i = 0; i < n; i++) {                                                 \
            U red = (U)x[i], green = (U)y[i], blue = (U)z[i];                            \
            x[i] = (T)((T)(red + 2u * green + blue) >> 2);                               \
            y[i] = (T)(blue - green);                                                    \
            z[i] = (T)(red - green);                                                     \
        }                                                                                \
    }

RK_IRCT(rk_i16, uint16_t, i16)
RK_IRCT(rk_i32, uint32_t, i32)
RK_IRCT(rk_i64, uint64_t, i64)
RK_FRCT(rk_i16, uint16_t, i16)
RK_FRCT(rk_i32, uint32_t, i32)

void rk_mct_iict_c(void *a, void *b, void *c, size_t n)
{
    rk_f32 *x = a, *y = b, *z = c;
    for (size_t i = 0; i < n; i++) {
        float luma = x[i], cb = y[i], cr = z[i];
        x[i] = luma + RK_ICT_RED * cr;
        y[i] = (luma - RK_ICT_GREEN_CB * cb) - RK_ICT_GREEN_CR * cr;
        z[i] = luma + RK_ICT_BLUE * cb;
    }
}

void rk_mct_fict_c(void *a, void *b, void *c, size_t n)
{
    rk_f32 *x = a, *y = b, *z = c;
    for (size_t i = 0; i < n; i++) {
        float red = x[i], blue = z[i];
        float luma = (RK_ICT_Y_RED * red + RK_ICT_Y_GREEN * y[i]) + RK_ICT_Y_BLUE * blue;
        x[i] = luma;
        y[i] = RK_ICT_CB * (blue - luma);
        z[i] = RK_ICT_CR * (red - luma);
    }
}

/* ---- storing --------------------------------------------------------------------------------- */

static inline uint32_t stored_int(int64_t x, rk_mct_range r)
{
    x = x > r.low ? x : r.low;
    x = x < r.high ? x : r.high;
    return (uint32_t)x + r.add;
}

/* In float64, which holds all limits; rint rounds halves to even. */
static inline uint32_t stored_float(float f, rk_mct_range r)
{
    double x = f;
    x = x > r.low ? x : r.low; /* also if it is not a number */
    x = x < r.high ? x : r.high;
    return (uint32_t)(int32_t)rint(x) + r.add;
}

#define RK_STORE(T, stored, U, name)                                                     \
    void rk_mct_##name##_c(const void *const *src, const rk_mct_range *range,            \
                           size_t samples, void *out, size_t stride, size_t n)           \
    {                                                                                    \
        for (size_t k = 0; k < samples; k++) {                                           \
            const T *x = src[k];                                                         \
            U *to = (U *)out + k;                                                        \
            for (size_t i = 0; i < n; i++)                                               \
                to[i * stride] = (U)stored(x[i], range[k]);                              \
        }                                                                                \
    }

RK_STORE(rk_i16, stored_int, rk_u8, i16_8)
RK_STORE(rk_i16, stored_int, rk_u16, i16_16)
RK_STORE(rk_i16, stored_int, rk_u32, i16_32)
RK_STORE(rk_i32, stored_int, rk_u8, i32_8)
RK_STORE(rk_i32, stored_int, rk_u16, i32_16)
RK_STORE(rk_i32, stored_int, rk_u32, i32_32)
RK_STORE(rk_i64, stored_int, rk_u8, i64_8)
RK_STORE(rk_i64, stored_int, rk_u16, i64_16)
RK_STORE(rk_i64, stored_int, rk_u32, i64_32)
RK_STORE(rk_f32, stored_float, rk_u8, f32_8)
RK_STORE(rk_f32, stored_float, rk_u16, f32_16)
RK_STORE(rk_f32, stored_float, rk_u32, f32_32)

void rk_mct_table_fill(rk_mct_table *t, uint32_t cpu)
{
    *t = (rk_mct_table){
        .irct_i16 = rk_mct_irct_i16_c,
        .irct_i32 = rk_mct_irct_i32_c,
        .irct_i64 = rk_mct_irct_i64_c,
        .iict = rk_mct_iict_c,
        .frct_i16 = rk_mct_frct_i16_c,
        .frct_i32 = rk_mct_frct_i32_c,
        .fict = rk_mct_fict_c,
        .i16_8 = rk_mct_i16_8_c,
        .i16_16 = rk_mct_i16_16_c,
        .i16_32 = rk_mct_i16_32_c,
        .i32_8 = rk_mct_i32_8_c,
        .i32_16 = rk_mct_i32_16_c,
        .i32_32 = rk_mct_i32_32_c,
        .i64_8 = rk_mct_i64_8_c,
        .i64_16 = rk_mct_i64_16_c,
        .i64_32 = rk_mct_i64_32_c,
        .f32_8 = rk_mct_f32_8_c,
        .f32_16 = rk_mct_f32_16_c,
        .f32_32 = rk_mct_f32_32_c,
    };
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->irct_i16 = rk_mct_irct_i16_avx2;
        t->irct_i32 = rk_mct_irct_i32_avx2;
        t->iict = rk_mct_iict_avx2;
        t->frct_i16 = rk_mct_frct_i16_avx2;
        t->frct_i32 = rk_mct_frct_i32_avx2;
        t->fict = rk_mct_fict_avx2;
        t->i16_8 = rk_mct_i16_8_avx2;
        t->i16_16 = rk_mct_i16_16_avx2;
        t->i32_8 = rk_mct_i32_8_avx2;
        t->i32_16 = rk_mct_i32_16_avx2;
        t->i32_32 = rk_mct_i32_32_avx2;
        t->f32_8 = rk_mct_f32_8_avx2;
        t->f32_16 = rk_mct_f32_16_avx2;
    }
#else
    (void)cpu;
#endif
}
