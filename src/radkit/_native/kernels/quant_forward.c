/* kernels/quant_forward.c: reference of the forward half of quant.h. */
#include <math.h>
#include <stdbool.h>

#include "kernels/cpu.h"
#include "kernels/quant_variants.h"
#include "kernels/words.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

float rk_quant_forward_scale(int bits, int gain, int exponent, unsigned mantissa)
{
    return (float)(1 / ldexp(1 + mantissa / 2048.0, bits + gain - exponent));
}

static inline uint32_t with_sign(uint32_t magnitude, bool negative)
{
    return magnitude && negative ? magnitude | RK_QUANT_NEGATIVE : magnitude;
}

static inline uint32_t of_integer(int32_t x, float scale)
{
    uint32_t magnitude = x < 0 ? 0u - (uint32_t)x : (uint32_t)x;
    (void)scale;
    return with_sign(magnitude > RK_QUANT_LARGEST ? RK_QUANT_LARGEST : magnitude, x < 0);
}

static inline uint32_t of_real(float x, float scale)
{
    float y = fabsf(x) * scale;
    y = y > 0 ? y : 0; /* what is not a number as well */
    y = y < (float)RK_QUANT_LARGEST_F32 ? y : (float)RK_QUANT_LARGEST_F32;
    return with_sign((uint32_t)y, x < 0);
}

#define RK_FORWARD(S, name, value)                                                       \
    void rk_quant_forward_##name##_c(rk_quant_forward_block *b)                          \
    {                                                                                    \
        uint32_t seen = 0;                                                               \
        for (size_t row = 0; row < b->height; row++) {                                   \
            const S *src = (const S *)b->src + row * b->src_stride;                      \
            rk_u32 *out = (rk_u32 *)b->out + row * b->stride;                            \
            for (size_t i = 0; i < b->width; i++) {                                      \
                out[i] = value(src[i], b->scale);                                        \
                seen |= out[i];                                                          \
            }                                                                            \
        }                                                                                \
        b->seen = seen & RK_QUANT_LARGEST;                                               \
    }

RK_FORWARD(rk_i16, i16, of_integer)
RK_FORWARD(rk_i32, i32, of_integer)
RK_FORWARD(rk_f32, f32, of_real)

void rk_quant_forward_table_fill(rk_quant_forward_table *t, uint32_t cpu)
{
    *t = (rk_quant_forward_table){
        .i16 = rk_quant_forward_i16_c,
        .i32 = rk_quant_forward_i32_c,
        .f32 = rk_quant_forward_f32_c,
    };
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2) {
        t->i16 = rk_quant_forward_i16_avx2;
        t->i32 = rk_quant_forward_i32_avx2;
        t->f32 = rk_quant_forward_f32_avx2;
    }
#else
    (void)cpu;
#endif
}
