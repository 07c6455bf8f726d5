/*
 * mpr/mpr.h: planes, slabs and points sampled out of a volume.
 *
 * Index space is (slice, row, column) = (z, y, x); a voxel covers [i - 0.5, i + 0.5), so the volume
 * covers [-0.5, n - 0.5) on each axis; coordinates in the half-voxel rim are clamped to the outermost
 * centres. Whatever the grid, nothing outside of the volume is read.
 *
 * Coordinates come out of a product with an inverse affine and carry its rounding. Within
 * RK_MPR_SNAP a coordinate means the voxel centre, and the borders of the voxels, at which it is
 * decided what is nearest and what is inside, lie RK_MPR_SNAP below the half: so a whole plane on a
 * border falls on one side of it.
 */
#ifndef RK_MPR_MPR_H
#define RK_MPR_MPR_H

#include "radkit/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RK_MPR_SNAP 1e-6

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

/* Linear; Keys' cubic convolution (a = -0.5); a sinc windowed by a wider one (Lanczos, 3 lobes). */
typedef enum rk_mpr_kernel { RK_MPR_NEAREST, RK_MPR_LINEAR, RK_MPR_CUBIC, RK_MPR_LANCZOS } rk_mpr_kernel;
typedef enum rk_mpr_project { RK_MPR_THIN, RK_MPR_MAX, RK_MPR_MIN, RK_MPR_MEAN, RK_MPR_SUM } rk_mpr_project;

typedef struct rk_mpr_volume {
    const void *data;
    rk_mpr_type type;
    size_t side[3];       /* slices, rows, columns; each >= 1 */
    ptrdiff_t stride[3];  /* in elements; the samples of a voxel lie side by side */
    unsigned samples;     /* of a voxel: 1, or up to RK_MPR_SAMPLES for colour */
    bool has_padding;     /* `padding` is the stored value that means "nothing here" */
    double padding;
    /* NULL, or the even-grid index of each slice, ascending: slice k lies where an evenly spaced
       stack would have its slice position[k] (position[0] = 0, position[side[0] - 1] = side[0] - 1). */
    const double *position;
} rk_mpr_volume;

#define RK_MPR_SAMPLES 4

/*
 * Sample k of pixel (r, c) lies at ((origin + r * down) + k * into) + c * right, in index
 * coordinates of the even grid. A thin plane has depth 1. With `lines` (9 numbers for each row:
 * origin, right, into) every row is a line of its own, and origin, down, right, into are not used.
 */
typedef struct rk_mpr_grid {
    double origin[3], down[3], right[3], into[3];
    size_t rows, cols, depth;
    const double *lines;
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

/* Rows first ... first + count - 1 of a grid, and where they go. */
typedef struct rk_mpr_part {
    size_t first, count;
    void *out;        /* pixel (first, 0); rows follow each other, cols * samples elements of job->out */
    uint8_t *outside; /* the same pixel; 0 or 1 for each, cols bytes a row */
    void *work;       /* RK_MPR_ALIGN-aligned scratch memory of the size that the kernel asks for */
} rk_mpr_part;

#define RK_MPR_ALIGN 64

/*
 * A kernel fills the part and returns the number of pixels without data. Where it meets what it
 * cannot do (padding, too wide a range of values) it calls rk_mpr_rows_c for these rows or, pixel by
 * pixel, rk_mpr_pixel_c. The result of a row never depends on which rows are in the part.
 */
typedef size_t rk_mpr_rows_fn(const rk_mpr_job *job, const rk_mpr_part *part);

/*
 * A kernel for some jobs only: `fits` says for which, `work` how many bytes of scratch memory each
 * call of `rows` needs. Special kernels come from rk_mpr_special, best first.
 */
typedef struct rk_mpr_choice {
    const char *name;
    bool (*fits)(const rk_mpr_job *job);
    size_t (*work)(const rk_mpr_job *job);
    rk_mpr_rows_fn *rows;
} rk_mpr_choice;

/* The reference, for every job: plain C, double arithmetic, no scratch memory. */
rk_mpr_rows_fn rk_mpr_rows_c;

/* One pixel of it: writes `samples` elements to `out`; true if there is data. */
bool rk_mpr_pixel_c(const rk_mpr_job *job, size_t row, size_t col, void *out);

/* The best kernel for a job that `cpu` (RK_CPU_* bits) permits; never NULL. */
const rk_mpr_choice *rk_mpr_choose(const rk_mpr_job *job, uint32_t cpu);

/*
 * Values at points (n times three index coordinates of the even grid, any numbers, NaN is outside),
 * as float64, samples of a voxel side by side; 0 where there is no data, and 1 in `outside`.
 * Returns the number of points without data. The job's grid, projection, out and fill do not count.
 */
size_t rk_mpr_points_c(const rk_mpr_job *job, const double *index, size_t n, double *out,
                       uint8_t *outside);

/*
 * The samples of a slab, one by one: for each pixel of `count` rows `samples` runs of `depth`
 * float64, and `depth` bytes in `there` that say which of them have data.
 */
void rk_mpr_samples_c(const rk_mpr_job *job, size_t first, size_t count, double *out, uint8_t *there);

#endif /* RK_MPR_MPR_H */
