/* kernels/colour.h: YBR_FULL and YBR_FULL_422 into RGB (PS3.3 C.7.6.3.1.2). */
#ifndef RK_KERNELS_COLOUR_H
#define RK_KERNELS_COLOUR_H

#include <stddef.h>
#include <stdint.h>

/*
 * With Cb and Cr counted from their middle (128 for 8 bits, 2^(bits-1) in general):
 *
 *     R = Y + 1.402 Cr
 *     G = Y - (0.114 * 1.772 Cb + 0.299 * 1.402 Cr) / 0.587
 *     B = Y + 1.772 Cb
 *
 * (the inverse of C.7.6.3.1.2, as T.871 clause 7 gives it), rounded exactly to nearest, halves
 * up, and clamped to 0 ... 2^bits - 1. pydicom's convert_color_space agrees for all 2^24
 * colours of 8 bits but at Cb = 78, Cr = 178: there G is an exact half, and its float32 product
 * falls to either side, depending on Y and on the shape of the array
 * (tests/kernels/test_colour.py).
 *
 * Contract, the same for every variant:
 *   - `n` counts pixels and may be 0. No alignment is required; nothing past n is touched.
 *   - rgb8, rgb16: src and out are interleaved, 3 n samples, and may be the same array.
 *   - planes8:     Y, Cb and Cr planes of n samples each, out interleaved, no overlap.
 *   - ybr422_8, _16: Y1 Y2 Cb Cr for two pixels, 2 n samples, to Y Cb Cr per pixel, 3 n
 *     samples, no overlap; n is even.
 *   - rgb422_8: ybr422_8, then rgb8.
 *   - rgb16: 1 <= bits <= 16; samples beyond 2^bits - 1 give clamped results.
 */
typedef void rk_colour_fn(const uint8_t *src, uint8_t *out, size_t n);
typedef void rk_colour_planes_fn(const uint8_t *y, const uint8_t *cb, const uint8_t *cr,
                                 uint8_t *out, size_t n);
typedef void rk_colour_words_fn(const void *src, void *out, size_t n, unsigned bits);

typedef struct rk_colour_table {
    rk_colour_fn *rgb8;
    rk_colour_planes_fn *planes8;
    rk_colour_fn *ybr422_8;
    rk_colour_fn *rgb422_8;
    rk_colour_words_fn *rgb16;
    rk_colour_words_fn *ybr422_16; /* `bits` is not used */
} rk_colour_table;

rk_colour_fn rk_colour_rgb8_c, rk_colour_ybr422_8_c, rk_colour_rgb422_8_c;
rk_colour_planes_fn rk_colour_planes8_c;
rk_colour_words_fn rk_colour_rgb16_c, rk_colour_ybr422_16_c;

rk_colour_fn rk_colour_rgb8_avx2, rk_colour_ybr422_8_avx2, rk_colour_rgb422_8_avx2;
rk_colour_planes_fn rk_colour_planes8_avx2;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_colour_table_fill(rk_colour_table *t, uint32_t cpu);

#endif /* RK_KERNELS_COLOUR_H */
