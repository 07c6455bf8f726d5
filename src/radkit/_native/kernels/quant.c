/* kernels/quant.c: reference of quant.h. */
#include "kernels/quant.h"

#include <math.h>
#include <stdbool.h>

#include "kernels/cpu.h"
#include "kernels/quant_variants.h"
#include "kernels/words.h"

typedef int64_t RK_ANYWHERE rk_i64;

float rk_quant_scale(int bits, int gain, int exponent, unsigned mantissa)
{
    return (float)ldexp(1 + mantissa / 2048.0, bits + gain - exponent - 1);
}

/* Region of interest: magnitudes with a bit above `from` (or at it) come down by `roi`. */
static inline int64_t brought_down(int64_t x, uint32_t roi, uint32_t from)
{
    uint64_t magnitude = x < 0 ? 0u - (uint64_t)x : (uint64_t)x;
    if (from > 63 || magnitude >> from == 0)
        return x;
    magnitude >>= roi;
    return x < 0 ? -(int64_t)magnitude : (int64_t)magnitude;
}

/* A block of S into D; `value` makes the element of x. */
#define RK_QUANT(S, D, name, value)                                                      \
    void rk_quant_##name##_c(const rk_quant_block *b)                                    \
    {                                                                                    \
        for (size_t row = 0; row < b->height; row++) {                                   \
            const S *src = (const S *)b->src + row * b->src_stride;                      \
            D *out = (D *)b->out + row * b->stride;                                      \
            for (size_t i = 0; i < b->width; i++) {                                      \
                S x = src[i];                                                            \
                out[i] = (D)(value);                                                     \
            }                                                                            \
        }                                                                                \
    }

#define RK_WHOLE(S, D, name)                                                             \
    RK_QUANT(S, D, name, b->roi ? brought_down(x, b->roi, b->roi) : (int64_t)x)
#define RK_HALF(S, name)                                                                 \
    RK_QUANT(S, rk_f32, name,                                                            \
             (float)(b->roi ? brought_down(x, b->roi, b->roi + 1) : (int64_t)x) * b->scale)

RK_WHOLE(rk_i16, rk_i16, i16_i16)
RK_WHOLE(rk_i16, rk_i32, i16_i32)
RK_WHOLE(rk_i32, rk_i16, i32_i16)
RK_WHOLE(rk_i32, rk_i32, i32_i32)
RK_WHOLE(rk_i32, rk_i64, i32_i64)
RK_WHOLE(rk_i64, rk_i32, i64_i32)
RK_WHOLE(rk_i64, rk_i64, i64_i64)
RK_HALF(rk_i16, i16_f32)
RK_HALF(rk_i32, i32_f32)
RK_HALF(rk_i64, i64_f32)

void rk_quant_table_fill(rk_quant_table *t, uint32_t cpu)
{
    *t = (rk_quant_table){
        .i16_i16 = rk_quant_i16_i16_c,
        .i16_i32 = rk_quant_i16_i32_c,
        .i32_i16 = rk_quant_i32_i16_c,
        .i32_i32 = rk_quant_i32_i32_c,
        .i32_i64 = rk_quant_i32_i64_c,
        .i64_i32 = rk_quant_i64_i32_c,
        .i64_i64 = rk_quant_i64_i64_c,
        .i16_f32 = rk_quant_i16_f32_c,
        .i32_f32 = rk_quant_i32_f32_c,
        .i64_f32 = rk_quant_i64_f32_c,
    };
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->i16_i32 = rk_quant_i16_i32_avx2;
        t->i32_i16 = rk_quant_i32_i16_avx2;
        t->i16_f32 = rk_quant_i16_f32_avx2;
        t->i32_f32 = rk_quant_i32_f32_avx2;
    }
#else
    (void)cpu;
#endif
}
