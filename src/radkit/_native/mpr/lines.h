/*
 * mpr/lines.h: rows of voxels as kernels take them, kept for as long as neighbours need them.
 *
 * Planes along the column axis take the same rows again and again: for the next row of the plane,
 * for the next sample of a slab. Each is converted once, and found in a table whose slots follow
 * the place of the row, so that the rows of one point (up to 6 x 6) never push each other out.
 */
#ifndef RK_MPR_LINES_H
#define RK_MPR_LINES_H

#include "mpr/columns.h"

enum { RK_MPR_LINES = 256 }; /* slots at most */

/* How many neighbours along each axis a table holds, powers of two. */
typedef struct rk_mpr_reach {
    size_t z, y;
} rk_mpr_reach;

/* For the rows of the samples of a job's row, so that its next row finds most of them. */
rk_mpr_reach rk_mpr_reach_of(const rk_mpr_job *job);

typedef struct rk_mpr_line_slot {
    size_t z, y;
    unsigned age;    /* 0: empty; else the age of `base` (scaled) or 1 */
    bool held, fits; /* it has padding in it; it is a scaled row */
} rk_mpr_line_slot;

typedef struct rk_mpr_lines {
    const rk_mpr_volume *volume;
    const rk_row_table *row;
    const rk_mpr_columns *moved; /* NULL, or where scaled rows are moved to when they are made */
    size_t skip;                 /* where they are begun without */
    rk_mpr_reach reach;
    size_t low, count, pitch; /* as in rk_mpr_columns */
    size_t cell;              /* elements of a slot */
    uint16_t base;
    unsigned age;                 /* of `base`, 0: there is none */
    uint32_t lowest, highest;     /* values seen since, in the order of rk_mpr_lines_span */
    rk_mpr_line_slot *scaled_slot, *wide_slot;
    size_t *asked; /* z and y of the row of each slot that memory has been asked for */
    int16_t *scaled, *held, *wide_held;
    float *wide;
    uint16_t *widened; /* one row of 8-bit voxels as 16-bit ones */
    int16_t *unmoved;  /* one scaled row */
} rk_mpr_lines;

/* Whether voxels are integers of 8 or 16 bits. */
bool rk_mpr_is_short(rk_mpr_type type);

/* Whether sums of rows take voxels as they lie (rk_mpr_lines_words), so that there are no wide rows. */
bool rk_mpr_lines_direct(const rk_mpr_volume *volume);

/* For the columns that are planned; `lines` may only count. `moved`: scaled rows are moved. */
void rk_mpr_lines_plan(rk_mpr_lines *lines, const rk_mpr_volume *volume, const rk_row_table *row,
                       const rk_mpr_columns *columns, rk_mpr_reach reach, bool moved,
                       rk_mpr_layout *layout);

/*
 * A row as scaled or as float values, `pitch` elements (if it is moved: one for each output); *held
 * gets NULL or a row of `pitch` elements that is -1 where there is padding, which counts as some
 * value in the row. Scaled rows: NULL if the row does not fit the range above `base`.
 */
const int16_t *rk_mpr_lines_scaled(rk_mpr_lines *lines, size_t z, size_t y, const int16_t **held);
const float *rk_mpr_lines_wide(rk_mpr_lines *lines, size_t z, size_t y, const int16_t **held);

/* Fills a float row around its `count` values, as the others are. */
void rk_mpr_lines_repeat(const rk_mpr_lines *lines, float *row);

/* Asks memory for a row that will be wanted soon, unless it was the last of its slot. */
void rk_mpr_lines_expect(rk_mpr_lines *lines, size_t z, size_t y);

/* The voxels of a row as 16-bit words; only for integers of 8 or 16 bits, as the next two are. */
const void *rk_mpr_lines_words(const rk_mpr_lines *lines, size_t z, size_t y);

/* Whether a word is among them. */
bool rk_mpr_lines_meet(const rk_mpr_lines *lines, size_t z, size_t y, uint16_t word);

/* The slot of a row, in which at most one of a set may be held at a time. */
size_t rk_mpr_lines_slot(const rk_mpr_lines *lines, size_t z, size_t y);

/* Widens [*lowest, *highest] by the voxels of a row, padding left out; values rise with voxels'. */
void rk_mpr_lines_span(const rk_mpr_lines *lines, size_t z, size_t y, uint32_t *lowest,
                       uint32_t *highest);

/* Moves `base`, so that a span (and what was seen before, where it can) is in range. */
bool rk_mpr_lines_rebase(rk_mpr_lines *lines, uint32_t lowest, uint32_t highest);

#endif /* RK_MPR_LINES_H */
