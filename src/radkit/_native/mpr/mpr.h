/*
 * mpr/mpr.h: planes, slabs and points sampled out of a volume.
 *
 * Index space is (slice, row, column) = (z, y, x); a voxel covers [i - 0.5, i + 0.5), so the volume
 * covers [-0.5, n - 0.5) on each axis; coordinates in the half-voxel rim are clamped to the outermost
 * centres. Whatever the grid, nothing outside of the volume is read.
 */
#ifndef RK_MPR_MPR_H
#define RK_MPR_MPR_H

#include "radkit/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rk_mpr_type {
    RK_MPR_U8,
    RK_MPR_I8,
    RK_MPR_U16,
    RK_MPR_I16,
    RK_MPR_U32,
    RK_MPR_I32,
    RK_MPR_F32,
    RK_MPR_F64
} rk_mpr_type;

typedef enum rk_mpr_kernel { RK_MPR_NEAREST, RK_MPR_LINEAR, RK_MPR_CUBIC, RK_MPR_LANCZOS } rk_mpr_kernel;
typedef enum rk_mpr_project { RK_MPR_THIN, RK_MPR_MAX, RK_MPR_MIN, RK_MPR_MEAN, RK_MPR_SUM } rk_mpr_project;

typedef struct rk_mpr_volume {
    const void *data;
    rk_mpr_type type;
    size_t side[3];       /* slices, rows, columns; each >= 1 */
    ptrdiff_t stride[3];  /* in elements; the samples of a voxel lie side by side */
    unsigned samples;     /* of a voxel: 1, or 3 for colour */
    bool has_padding;     /* `padding` is the stored value that means "nothing here" */
    double padding;
    /* NULL, or the even-grid index of each slice, ascending: slice k lies where an evenly spaced
       stack would have its slice position[k] (position[0] = 0, position[side[0] - 1] = side[0] - 1). */
    const double *position;
} rk_mpr_volume;

/*
 * Sample k of pixel (r, c) lies at origin + r * down + c * right + k * into, in index coordinates of
 * the even grid. A thin plane has depth 1.
 */
typedef struct rk_mpr_grid {
    double origin[3], down[3], right[3], into[3];
    size_t rows, cols, depth;
} rk_mpr_grid;

/*
 * What is asked for. The result has the type `out` (the volume's own: rounded to nearest, saturated;
 * or RK_MPR_F32, RK_MPR_F64: not rounded). Pixels without data get `fill` and 1 in `outside`.
 */
typedef struct rk_mpr_job {
    rk_mpr_volume volume;
    rk_mpr_grid grid;
    rk_mpr_kernel kernel;
    rk_mpr_project project;
    rk_mpr_type out;
    double fill;
} rk_mpr_job;

#endif /* RK_MPR_MPR_H */
