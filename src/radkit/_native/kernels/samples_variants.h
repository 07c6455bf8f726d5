/*
 * kernels/samples_variants.h: the kernels behind samples.h by name, and their loops.
 *
 * The loops are so plain that compilers make the best of them; a variant is the same text compiled
 * for another instruction set.
 */
#ifndef RK_KERNELS_SAMPLES_VARIANTS_H
#define RK_KERNELS_SAMPLES_VARIANTS_H

#include "kernels/samples.h"
#include "kernels/words.h"

#define RK_SAMPLES_DECLARE(isa)                                                          \
    rk_samples_fn rk_samples_u8_i16_##isa, rk_samples_i8_i16_##isa;                      \
    rk_samples_fn rk_samples_w16_i16_##isa, rk_samples_w32_i16_##isa;                    \
    rk_samples_fn rk_samples_u8_i32_##isa, rk_samples_i8_i32_##isa;                      \
    rk_samples_fn rk_samples_u16_i32_##isa, rk_samples_i16_i32_##isa;                    \
    rk_samples_fn rk_samples_w32_i32_##isa;                                              \
    rk_samples_floats_fn rk_samples_floats_##isa;                                        \
    rk_samples_raise_fn rk_samples_raise_##isa;                                          \
    rk_samples_index_fn rk_samples_index_##isa;

RK_SAMPLES_DECLARE(c)
RK_SAMPLES_DECLARE(avx2)

/* One kernel: In and Out are the types, U the unsigned type in which the difference wraps. */
#define RK_SAMPLES_ONE(name, In, Out, U)                                                 \
    void rk_samples_##name(const void *src, size_t stride, void *out, size_t n,          \
                           int32_t shift)                                                \
    {                                                                                    \
        const In *restrict from = src;                                                   \
        Out *restrict to = out;                                                          \
        U by = (U)shift;                                                                 \
        if (stride == 1)                                                                 \
            for (size_t i = 0; i < n; i++)                                               \
                to[i] = (Out)(U)((U)from[i] - by);                                       \
        else if (stride == 3)                                                            \
            for (size_t i = 0; i < n; i++)                                               \
                to[i] = (Out)(U)((U)from[3 * i] - by);                                   \
        else                                                                             \
            for (size_t i = 0; i < n; i++)                                               \
                to[i] = (Out)(U)((U)from[i * stride] - by);                              \
    }

#define RK_SAMPLES_ALL(isa)                                                              \
    RK_SAMPLES_ONE(u8_i16_##isa, rk_u8, rk_i16, uint16_t)                                \
    RK_SAMPLES_ONE(i8_i16_##isa, rk_i8, rk_i16, uint16_t)                                \
    RK_SAMPLES_ONE(w16_i16_##isa, rk_u16, rk_i16, uint16_t)                              \
    RK_SAMPLES_ONE(w32_i16_##isa, rk_u32, rk_i16, uint16_t)                              \
    RK_SAMPLES_ONE(u8_i32_##isa, rk_u8, rk_i32, uint32_t)                                \
    RK_SAMPLES_ONE(i8_i32_##isa, rk_i8, rk_i32, uint32_t)                                \
    RK_SAMPLES_ONE(u16_i32_##isa, rk_u16, rk_i32, uint32_t)                              \
    RK_SAMPLES_ONE(i16_i32_##isa, rk_i16, rk_i32, uint32_t)                              \
    RK_SAMPLES_ONE(w32_i32_##isa, rk_u32, rk_i32, uint32_t)                              \
    void rk_samples_floats_##isa(const void *src, void *out, size_t n)                   \
    {                                                                                    \
        const rk_i32 *restrict from = src;                                               \
        rk_f32 *restrict to = out;                                                       \
        for (size_t i = 0; i < n; i++)                                                   \
            to[i] = (float)from[i];                                                      \
    }                                                                                    \
    void rk_samples_raise_##isa(const void *src, void *out, size_t n, int32_t shift)     \
    {                                                                                    \
        const rk_i16 *restrict from = src;                                               \
        rk_i32 *restrict to = out;                                                       \
        for (size_t i = 0; i < n; i++)                                                   \
            to[i] = (int32_t)((uint32_t)from[i] + (uint32_t)shift);                      \
    }                                                                                    \
    void rk_samples_index_##isa(const void *src, void *out, size_t n, float scale)       \
    {                                                                                    \
        const rk_f32 *restrict from = src;                                               \
        rk_i32 *restrict to = out;                                                       \
        for (size_t i = 0; i < n; i++) {                                                 \
            float v = from[i] * scale; /* the cast rounds towards zero */                \
            v = v > RK_SAMPLES_INDEX ? RK_SAMPLES_INDEX : v;                             \
            v = v < -RK_SAMPLES_INDEX ? -RK_SAMPLES_INDEX : v;                           \
            to[i] = (int32_t)v;                                                          \
        }                                                                                \
    }

#endif /* RK_KERNELS_SAMPLES_VARIANTS_H */
