/*
 * kernels/quant.h: decoded code-blocks (t1.h, ht.h) into the rows of a band, and back: the rows of a
 * band into what block encoders read (T.800 E, H).
 */
#ifndef RK_KERNELS_QUANT_H
#define RK_KERNELS_QUANT_H

#include <stddef.h>
#include <stdint.h>

/*
 * One block, height rows of width elements; strides in elements. The kernels are named by the
 * types of `src` and `out`.
 *
 * To integers (reversible; src with half = false): out = v, cut off to its type. `out` may be
 * `src` if types and strides are the same.
 * To float32 (irreversible; src with half = true): out = (float)v * scale, each operation rounded;
 * scale = step / 2, see rk_quant_scale.
 *
 * Region of interest: with `roi` = s > 0 (the shift of RGN), magnitudes of 2^s (to float 2^(s+1))
 * and more are shifted right by s before; the sign stays.
 */
typedef struct rk_quant_block {
    const void *src;
    size_t src_stride;
    void *out;
    size_t stride;
    uint32_t width, height;
    uint32_t roi;
    float scale;
} rk_quant_block;

typedef void rk_quant_fn(const rk_quant_block *b);

typedef struct rk_quant_table {
    rk_quant_fn *i16_i16, *i16_i32;
    rk_quant_fn *i32_i16, *i32_i32, *i32_i64;
    rk_quant_fn *i64_i32, *i64_i64;
    rk_quant_fn *i16_f32, *i32_f32, *i64_f32;
} rk_quant_table;

/*
 * Half of the step of a band: 2^(bits + gain - exponent) (1 + mantissa / 2^11) / 2 (T.800 E.1.1),
 * where bits is the depth of the component, gain 0 for LL, 1 for HL and LH, 2 for HH.
 */
float rk_quant_scale(int bits, int gain, int exponent, unsigned mantissa);

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_quant_table_fill(rk_quant_table *t, uint32_t cpu);

/* ---- forward --------------------------------------------------------------------------------- */

#define RK_QUANT_NEGATIVE 0x80000000u
#define RK_QUANT_LARGEST 0x7FFFFFFFu
/* The largest index of `f32`: the last float32 below 2^31. */
#define RK_QUANT_LARGEST_F32 0x7FFFFF80u

/*
 * A block of a band, height rows of width elements, as words of sign and magnitude: the sign in
 * bit 31, the magnitude below; 0 never has a sign. The kernels are named by the type of `src`.
 *
 *     i16, i32   the value itself (reversible); of INT32_MIN the magnitude is RK_QUANT_LARGEST
 *     f32        floor(|x| * scale) with the sign of x (T.800 E.2), where scale is one over the
 *                step, see rk_quant_forward_scale; the product is rounded to float32. At most
 *                RK_QUANT_LARGEST_F32; what is not a number counts as 0
 *
 * `seen` is the bitwise OR of all magnitudes, so its highest bit is that of the largest one. Any
 * values and scales are allowed. No alignment is required, blocks do not overlap, strides are in
 * elements, and nothing is written between rows.
 */
typedef struct rk_quant_forward_block {
    const void *src;
    size_t src_stride;
    uint32_t *out;
    size_t stride;
    uint32_t width, height;
    float scale; /* f32 only */
    /* result */
    uint32_t seen;
} rk_quant_forward_block;

typedef void rk_quant_forward_fn(rk_quant_forward_block *b);

typedef struct rk_quant_forward_table {
    rk_quant_forward_fn *i16, *i32, *f32;
} rk_quant_forward_table;

/* One over the step of a band; parameters as of rk_quant_scale. */
float rk_quant_forward_scale(int bits, int gain, int exponent, unsigned mantissa);

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_quant_forward_table_fill(rk_quant_forward_table *t, uint32_t cpu);

#endif /* RK_KERNELS_QUANT_H */
