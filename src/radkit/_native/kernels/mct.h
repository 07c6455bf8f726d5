/*
 * kernels/mct.h: component transforms, level shift and storing of samples (T.800 annex G).
 *
 * Rows of transformed components go through `irct` or `iict` in place (if the tile has a
 * component transform), then through a `store` into the caller's array.
 */
#ifndef RK_KERNELS_MCT_H
#define RK_KERNELS_MCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Three rows of n samples, in place; Y, U, V or Y, Cb, Cr become R, G, B. Integer sums wrap;
 * floating-point operations are rounded one by one, in the order that is written.
 *
 *     irct   G = Y - ((U + V) >> 2)    R = V + G    B = U + G
 *     iict   R = Y + 1.402 Cr    G = (Y - 0.344136 Cb) - 0.714136 Cr    B = Y + 1.772 Cb
 *     frct   Y = (R + 2 G + B) >> 2    U = B - G    V = R - G
 *     fict   Y = (0.299 R + 0.587 G) + 0.114 B,  Cb = 0.564334 (B - Y),  Cr = 0.713267 (R - Y)
 *
 * irct_i16 is exact if |U| + |V| and all results are below 2^15, so whenever 2.5 times the largest
 * absolute value of the three is.
 */
typedef void rk_mct_fn(void *a, void *b, void *c, size_t n);

/* What is stored of a component: min(max(x, low), high) + add, as an integer of 1 to 32 bits. */
typedef struct rk_mct_range {
    int32_t low, high;
    uint32_t add;
} rk_mct_range;

/* The range of a component of 1 <= bits <= 32 as Ssiz has it; unsigned ones are shifted by half. */
rk_mct_range rk_mct_range_of(unsigned bits, bool is_signed);

/*
 * Stores n pixels: out[i * stride + k] = value of src[k][i], k < samples, samples <= stride; the
 * other elements are not touched. Elements of `out` have 8, 16 or 32 bits by the kernel's name and
 * are signed or not as the range is (the bits are the same). One plane: samples = 1, stride = 1.
 * Contract, the same for every variant:
 *   - `n` may be 0; 1 <= samples. No alignment of `out` is required (elements of src: their own).
 *     Arrays do not overlap.
 *   - i16: bits <= 16. 8 and 16 bits of output hold the low bits of the value.
 *   - f32: rounded to the nearest integer, halves to the even one; what is not a number counts as
 *     low.
 */
typedef void rk_mct_store_fn(const void *const *src, const rk_mct_range *range, size_t samples,
                             void *out, size_t stride, size_t n);

typedef struct rk_mct_table {
    rk_mct_fn *irct_i16, *irct_i32, *irct_i64, *iict;
    rk_mct_fn *frct_i16, *frct_i32, *fict;
    rk_mct_store_fn *i16_8, *i16_16, *i16_32; /* from int16_t to 8, 16, 32 bits */
    rk_mct_store_fn *i32_8, *i32_16, *i32_32;
    rk_mct_store_fn *i64_8, *i64_16, *i64_32;
    rk_mct_store_fn *f32_8, *f32_16, *f32_32;
} rk_mct_table;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_mct_table_fill(rk_mct_table *t, uint32_t cpu);

#endif /* RK_KERNELS_MCT_H */
