/*
 * kernels/mpr_row.h: arithmetic on rows of voxels, from which planes along an axis are made.
 *
 * Two kinds of rows. Scaled rows hold (v - base) << RK_ROW_SHIFT in 16 bits for voxels with
 * base <= v < base + RK_ROW_RANGE; differences are exact in them, so a blend of three axes is less
 * than half a unit away from the exact value. Float rows serve all other values, and all kernels
 * with more than two taps; their operations are rounded one by one, in the order that is written.
 *
 * Contract, the same for every variant: `n` may be 0; no alignment is required; arrays do not
 * overlap unless it is said; nothing past `n` is written, and nothing is read that is not named,
 * but for rows that are read through an rk_row_warp.
 */
#ifndef RK_KERNELS_MPR_ROW_H
#define RK_KERNELS_MPR_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/words.h"

enum { RK_ROW_SHIFT = 3, RK_ROW_RANGE = 4096, RK_ROW_ONE = 1 << 15, RK_ROW_HALF = 1 << 14 };
enum { RK_ROW_SLACK = 32, RK_ROW_GROUP = 8 };

/* ---- scaled rows ----------------------------------------------------------------------------- */

/*
 * out[i] = (src[i] - base) << RK_ROW_SHIFT of 16-bit voxels, modulo 2^16, so that signed and
 * unsigned ones need no distinction. Returns the bitwise or of all src[i] - base: the row is a
 * scaled one if that is below RK_ROW_RANGE. With `held` voxels equal to `padding` count as `base`
 * and get -1 there, all others 0.
 */
typedef uint16_t rk_row_scale_fn(const void *src, size_t n, uint16_t base, uint16_t padding,
                                 rk_i16 *held, rk_i16 *out);

/* lerp(a, b, share) = a + ((b - a) * share + 2^14 >> 15); 0 <= share < RK_ROW_ONE. */
typedef void rk_row_lerp_fn(const rk_i16 *a, const rk_i16 *b, int16_t share, size_t n,
                            rk_i16 *out);

/* lerp(lerp(row[0], row[1], y), lerp(row[2], row[3], y), z) */
typedef void rk_row_blend_fn(const rk_i16 *const row[4], int16_t y, int16_t z, size_t n,
                             rk_i16 *out);

/*
 * blend(row, y, z), moved along by lerp(blend[i], blend[i + 1], x), unscaled; the rows must be
 * readable RK_ROW_SLACK elements behind n.
 */
typedef struct rk_row_shares {
    int16_t x, y, z;
} rk_row_shares;

typedef void rk_row_thin_fn(const rk_i16 *const row[4], const rk_row_shares *share, uint16_t base,
                            size_t n, void *out);

/*
 * Samples of a slab: sample k is blend(row + 4 k, y[k], z[k]); to[i] = max or min of to[i] and all
 * of them.
 */
typedef struct rk_row_fan {
    const rk_i16 *const *row;
    const rk_i16 *y, *z;
    size_t samples;
} rk_row_fan;

typedef void rk_row_fan_fn(const rk_row_fan *fan, size_t n, rk_i16 *to);

/* to[i] = max or min of to[i] and row[i]; what is no number stays, or comes. */
typedef void rk_row_peak_fn(const void *row, size_t n, void *to);

/* out[i] = (row[i] + half a unit >> RK_ROW_SHIFT) + base, modulo 2^16. */
typedef void rk_row_unscale_fn(const rk_i16 *row, size_t n, uint16_t base, void *out);

/* ---- along a row ----------------------------------------------------------------------------- */

/*
 * Where the outputs of a row lie on it: output i takes row[index[i]], row[index[i] + 1] ...
 * Rows must be readable RK_ROW_SLACK elements behind the largest index.
 * `base`, `bytes`, `reach` come from rk_row_warp_plan.
 */
typedef struct rk_row_warp {
    const rk_i32 *index; /* >= 0 */
    const rk_i16 *share; /* scaled rows: lerp(row[index], row[index + 1], share) */
    const rk_f32 *weight;  /* float rows: weight[t * pitch + i] of tap t, taps >= 1 */
    size_t taps, pitch;
    rk_i32 *base;  /* smallest index of each 8 outputs */
    /* Where the bytes of elements lie behind `base`, 0x80: not there. For each 16 outputs: 32 for
       the first 8 elements behind it, 32 for the next 8. */
    uint8_t *bytes;
    size_t reach;   /* largest index less base */
} rk_row_warp;

/* Fills base and bytes (room for n rounded up to two groups of outputs) and reach. */
void rk_row_warp_plan(rk_row_warp *warp, size_t n);

typedef void rk_row_warp_fn(const rk_i16 *row, const rk_row_warp *warp, size_t n, rk_i16 *out);
typedef void rk_row_taps_fn(const rk_f32 *row, const rk_row_warp *warp, size_t n, rk_f32 *out);

/* ---- float rows ------------------------------------------------------------------------------ */

typedef void rk_row_widen_fn(const void *src, size_t n, rk_f32 *out);

/* out[i] = weight[0] * row[0][i] (if `add`: to what is there) + ..., in that order; count >= 1 */
typedef void rk_row_sum_fn(const rk_f32 *const *row, const rk_f32 *weight, size_t count, bool add,
                           size_t n, rk_f32 *out);

/* The same of rows of 16-bit voxels, each widened before. */
typedef void rk_row_voxels_fn(const void *const *row, const rk_f32 *weight, size_t count, bool add,
                              size_t n, rk_f32 *out);

/* Rounded to nearest, ties to even, saturated; what is no number becomes the lowest value. */
typedef void rk_row_round_fn(const rk_f32 *row, size_t n, void *out);

/* ---- across rows ----------------------------------------------------------------------------- */

/*
 * Points in a slice: output i lies between the voxels at src[offset[i]], one column and `stride`
 * behind it; lerp(lerp(v00, v10, y[i]), lerp(v01, v11, y[i]), x[i]) with lerp(a, b, f) =
 * a + (b - a) * f in floats. `ahead` outputs further on memory is fetched early (0: it is not).
 */
typedef struct rk_row_path {
    const rk_i32 *offset;
    const rk_f32 *x, *y;
    ptrdiff_t stride;
    size_t ahead;
} rk_row_path;

typedef void rk_row_path_fn(const void *src, const rk_row_path *path, size_t n, rk_f32 *out);

/* out[c * out_stride + r] = src[r * stride + c], 16-bit elements */
typedef void rk_row_turn_fn(const void *src, size_t stride, size_t rows, size_t cols, void *out,
                            size_t out_stride);

/*
 * Rays through columns of scaled values that lie side by side: sample k of ray blends the columns
 * of n values at at[k], at[k] + right, at[k] + down, at[k] + right + down by x[k] and y[k] as
 * rk_row_blend_fn does; to[i] = max (or min) of to[i] and all of them.
 */
typedef struct rk_row_ray {
    const rk_i16 *const *at;
    const rk_i16 *x, *y;
    size_t samples;
    ptrdiff_t right, down;
} rk_row_ray;

typedef void rk_row_ray_fn(const rk_row_ray *ray, size_t n, rk_i16 *to);

/* The same, but to[i] += each of them; sums wrap. */
typedef void rk_row_ray_sum_fn(const rk_row_ray *ray, size_t n, rk_i32 *to);

typedef struct rk_row_table {
    rk_row_scale_fn *scale;
    rk_row_lerp_fn *lerp;
    rk_row_blend_fn *blend;
    rk_row_thin_fn *thin;
    rk_row_fan_fn *fan_max, *fan_min;
    rk_row_peak_fn *max_16, *min_16, *max_f32, *min_f32;
    rk_row_unscale_fn *unscale;
    rk_row_warp_fn *warp;
    rk_row_taps_fn *taps;
    rk_row_widen_fn *widen_i16, *widen_u16;
    rk_row_sum_fn *sum;
    rk_row_voxels_fn *sum_i16, *sum_u16;
    rk_row_round_fn *round_i16, *round_u16;
    rk_row_path_fn *path_i16, *path_u16, *path_u8, *path_i8, *path_f32;
    rk_row_turn_fn *turn;
    rk_row_ray_fn *ray_max, *ray_min;
    rk_row_ray_sum_fn *ray_sum;
} rk_row_table;

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_row_table_fill(rk_row_table *t, uint32_t cpu);

#endif /* RK_KERNELS_MPR_ROW_H */
