/*
 * kernels/dwt.h: one level of the wavelet transform, row by row (T.800 annex F).
 *
 * The kernels proper are those of dwt53.h and dwt97.h; here is the way of the rows through them,
 * the same for both filters and all element types.
 */
#ifndef RK_KERNELS_DWT_H
#define RK_KERNELS_DWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

/* ---- geometry ----------------------------------------------------------------------------- */

/* Columns or rows, half-open, in absolute coordinates of a resolution level or of a band. */
typedef struct rk_span {
    uint32_t start, stop;
} rk_span;

/* The samples of a span of a level that come from the low-pass and from the high-pass band. */
static inline rk_span rk_span_low(rk_span s)
{
    return (rk_span){s.start / 2 + (s.start & 1), s.stop / 2 + (s.stop & 1)};
}

static inline rk_span rk_span_high(rk_span s)
{
    return (rk_span){s.start / 2, s.stop / 2};
}

static inline size_t rk_span_size(rk_span s)
{
    return s.stop - s.start;
}

/*
 * What must be transformed of a level that spans `all` (a tile's) to get `want` of it: one to
 * `reach` samples more on each side, but not past the ends of `all`. `want` lies in `all`; of an
 * empty one nothing is needed. `reach` is 2 for 5/3, 4 for 9/7 (rk_dwt_filter has it as `steps`).
 * rk_span_low and rk_span_high of the result are the samples that are needed of the bands.
 */
rk_span rk_span_window(rk_span want, rk_span all, unsigned reach);

/* ---- filters ------------------------------------------------------------------------------ */

/*
 * Kernels on rows. Elements are int16_t, int32_t, int64_t or float; a filter is of one type.
 * Contract, the same for every variant:
 *   - `n` may be 0. No alignment is required; nothing is touched past n.
 *   - Rows do not overlap, except that `above` may be `below`.
 *   - Integer sums wrap: hostile coefficients give wrong samples, the same in every variant.
 *   - Floating-point operations are rounded one by one, in the order that is written below.
 *
 * join     inverse of a row: n samples out of the low-pass and the high-pass half, the first one
 *          from `high` if `odd`. Both ends are extended symmetrically (F.3.7). gain: factors of
 *          low and high (9/7 only). Of a single sample only its gain is applied, and for 5/3 an
 *          odd one is halved, towards 0 (F.3.6).
 * split    the forward counterpart.
 * step     one lifting step: `row` is updated from its neighbours.
 * lift     all steps in one pass: row[0] is the newest row, row[1] the one above it, ...;
 *          row[k], k = 1 ... steps, gets step k - 1 from row[k - 1] and row[k + 1], in this order.
 * halve    division by 2, towards 0; multiplication by 2 of the forward transform (5/3 only).
 */
typedef void rk_dwt_join_fn(void *out, const void *low, const void *high, size_t n, bool odd,
                            const float gain[2]);
typedef void rk_dwt_split_fn(void *low, void *high, const void *src, size_t n, bool odd,
                             const float gain[2]);
typedef void rk_dwt_step_fn(void *row, const void *above, const void *below, size_t n);
typedef void rk_dwt_lift_fn(void *const *row, size_t n);
typedef void rk_dwt_row_fn(void *row, size_t n);

typedef enum rk_dwt_type { RK_DWT_INT16, RK_DWT_INT32, RK_DWT_INT64, RK_DWT_FLOAT } rk_dwt_type;

/* A filter in one direction. Made by rk_dwt53_inverse, rk_dwt97_forward ...; then constant. */
typedef struct rk_dwt_filter {
    rk_dwt_join_fn *join;   /* inverse */
    rk_dwt_split_fn *split; /* forward */
    rk_dwt_lift_fn *lift;
    rk_dwt_step_fn *step[4];
    rk_dwt_row_fn *single; /* for the only row of a level if its coordinate is odd, or NULL */
    double low, high;      /* gains of the bands, per dimension; */
    double odd;            /* of a single sample with odd coordinate (that of an even one is 1) */
    uint8_t steps;         /* 2 or 4 */
    uint8_t size;          /* bytes of an element */
} rk_dwt_filter;

/* ---- a level ------------------------------------------------------------------------------ */

/* Rows of a band; data[0] is its first sample in the level's window. stride: in elements. */
typedef struct rk_dwt_band {
    void *data;
    size_t stride;
} rk_dwt_band;

/*
 * x and y: columns and rows of the level that are transformed, from rk_span_window. cols and
 * rows: those of them that are wanted; x and y themselves if there is no region.
 * ll and hl have rk_span_low(y) rows, lh and hh rk_span_high(y); ll and lh rk_span_low(x)
 * columns, hl and hh rk_span_high(x). (HL is high-pass along rows.) A band without rows or
 * columns is not read, its pointer may be NULL.
 */
typedef struct rk_dwt_level {
    rk_span x, y;
    rk_span cols, rows;
    rk_dwt_band ll, hl, lh, hh;
} rk_dwt_level;

/* Bytes of scratch, aligned to 64, for one level in either direction; false if too many. */
RK_MUST_CHECK bool rk_dwt_scratch(size_t *size, const rk_dwt_filter *f,
                                  const rk_dwt_level *level);

/*
 * Inverse of one level: the wanted rows and columns are written to `out`, row by row. Every
 * coefficient is read once, each row of the level is in cache until it is finished.
 * `out` overlaps no band; stride in elements.
 */
void rk_idwt_plane(const rk_dwt_filter *f, const rk_dwt_level *level, void *out, size_t stride,
                   void *scratch);

/* Forward transform of one level (without regions: cols and rows are not looked at). */
void rk_fdwt_plane(const rk_dwt_filter *f, const rk_dwt_level *level, const void *src,
                   size_t stride, void *scratch);

/*
 * Inverse, row by row: rk_idwt_next gives the wanted rows one after the other, from the first
 * wanted column on, so that the last level never lies in memory as a plane. A level may take
 * its LL rows from the level below (`lower`, whose cols and rows are rk_span_low of x and y)
 * instead of level->ll; each has scratch of its own. `f`, `level` are copied.
 */
typedef struct rk_dwt_ring {
    uint8_t *rows;        /* row y lies at rows + ((y - start) & mask) * pitch bytes */
    size_t pitch, mask;
    uint64_t start, stop; /* rows of the window */
    size_t column, width; /* vertical steps work on these */
} rk_dwt_ring;

/* Gives row `index` of a band in the level's window, until the next call for that level; asked for
 * in order, once each. band: 0 LL, 1 HL, 2 LH, 3 HH; without columns it may give NULL. */
typedef const void *rk_dwt_fetch_fn(void *context, unsigned band, size_t index);

typedef struct rk_idwt {
    rk_dwt_filter f;
    rk_dwt_level level;
    struct rk_idwt *lower;
    rk_dwt_fetch_fn *fetch; /* or NULL */
    void *context;
    rk_dwt_ring ring;
    float gain[2][2];        /* of low and high columns, in low and in high rows */
    uint64_t arrived, done;  /* rows below are in the ring; are finished */
    uint64_t next;           /* row to give */
    size_t lows, highs;      /* rows that were taken from the bands */
} rk_idwt;

void rk_idwt_begin(rk_idwt *d, const rk_dwt_filter *f, const rk_dwt_level *level, rk_idwt *lower,
                   void *scratch);

/* The rows of all bands of a level that has just begun come from `fetch`: its bands need not lie
 * in memory as wholes. They are asked for from top to bottom, of LL and HL in turn, of LH and HH
 * in turn; row k of HL, if the window has it, before row k of LH (k on the grid of the bands). */
void rk_idwt_fetch(rk_idwt *d, rk_dwt_fetch_fn *fetch, void *context);

/*
 * The next row, until the next call; NULL behind the last one. The rows after it read it
 * again: copy it to change it.
 */
void *rk_idwt_next(rk_idwt *d);

/*
 * Forward, row by row, so that neither the level nor its bands lie in memory as planes. For each
 * row of the level, from the first to the last: write it to rk_fdwt_place, call rk_fdwt_push,
 * then rk_fdwt_write until it returns false. Each call that returns true has finished one row of the
 * level and written it to two bands: row `lows` - 1 of LL and HL, or row `highs` - 1 of LH and HH
 * (`low` tells which). With `lower` the LL row is in rk_fdwt_place(lower) instead: push it there
 * before anything else. Row i of a band is put at row (first + i) & mask of its memory, with first[0] of LL
 * and HL and first[1] of the others; set these after rk_fdwt_begin, which makes them 0 and SIZE_MAX.
 */
typedef struct rk_fdwt {
    rk_dwt_filter f;
    rk_dwt_level level;
    struct rk_fdwt *lower;
    rk_dwt_ring ring;
    float gain[2][2];
    uint64_t arrived, done, written; /* rows below are in the ring; are lifted; are in the bands */
    size_t lows, highs;
    size_t first[2], mask;
    bool low;
} rk_fdwt;

void rk_fdwt_begin(rk_fdwt *d, const rk_dwt_filter *f, const rk_dwt_level *level, rk_fdwt *lower,
                   void *scratch);
void *rk_fdwt_place(const rk_fdwt *d);
void rk_fdwt_push(rk_fdwt *d);
bool rk_fdwt_write(rk_fdwt *d);

#endif /* RK_KERNELS_DWT_H */
