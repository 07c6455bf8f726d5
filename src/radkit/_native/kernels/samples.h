/* kernels/samples.h: samples of a caller's array into rows of an encoder (T.800 G.1). */
#ifndef RK_KERNELS_SAMPLES_H
#define RK_KERNELS_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/*
 * out[i] = src[i * stride] - shift, i < n, in the type of `out`, where it wraps. Named by the
 * types of `src` and `out`; w16 and w32 are signed or not, which makes no difference to them.
 *
 * floats: out[i] = (float)src[i], int32_t to float, rounded to nearest.
 * raise:  out[i] = src[i] + shift, int16_t to int32_t.
 * index:  quantiser with a dead zone (T.800 E.2): floor(|src[i]| * scale) with the sign of src[i], float to
 *         int32_t. The product is rounded to float32; at most RK_SAMPLES_INDEX. src[i] is a number.
 *
 * Contract, the same for every variant:
 *   - `n` may be 0. 1 <= stride. No alignment is required, nothing is touched past the last sample.
 *   - Arrays do not overlap.
 */
typedef void rk_samples_fn(const void *src, size_t stride, void *out, size_t n, int32_t shift);
typedef void rk_samples_floats_fn(const void *src, void *out, size_t n);
typedef void rk_samples_raise_fn(const void *src, void *out, size_t n, int32_t shift);

typedef void rk_samples_index_fn(const void *src, void *out, size_t n, float scale);

/* The last float32 below 2^30: the block coders take 30 bits. */
#define RK_SAMPLES_INDEX 1073741760.0f

typedef struct rk_samples_table {
    rk_samples_fn *u8_i16, *i8_i16, *w16_i16, *w32_i16;
    rk_samples_fn *u8_i32, *i8_i32, *u16_i32, *i16_i32, *w32_i32;
    rk_samples_floats_fn *floats;
    rk_samples_raise_fn *raise;
    rk_samples_index_fn *index;
} rk_samples_table;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_samples_table_fill(rk_samples_table *t, uint32_t cpu);

#endif /* RK_KERNELS_SAMPLES_H */
