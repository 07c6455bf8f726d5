/*
 * mpr/turns.h: projections of a whole volume from all sides around its slice axis.
 *
 * All views have the same rows. So the volume is copied once, blended along the slice axis to the
 * rows of the views, with these values side by side: a sample of a ray is then a blend of four
 * columns of memory, for all rows at once and with the same weights.
 */
#ifndef RK_MPR_TURNS_H
#define RK_MPR_TURNS_H

#include "kernels/mpr_row.h"
#include "mpr/mpr.h"

typedef struct rk_mpr_turns {
    const rk_mpr_job *job; /* of the first view; all others have its `down`, origin[0] and sizes */
    uint16_t base;
    size_t first, rows; /* rows of the views inside of the volume */
    size_t pitch;       /* of a column of values */
    int16_t *values;    /* [row of the volume][column of the volume][row of the view] */
} rk_mpr_turns;

/* Maximum, minimum and mean of integers of 8 and 16 bits, linear. */
bool rk_mpr_turns_fits(const rk_mpr_job *job);

/* Sets all but `values`; returns how many bytes they need. */
size_t rk_mpr_turns_plan(rk_mpr_turns *turns, const rk_mpr_job *job);

/* Scratch memory of any of the functions that follow. */
size_t rk_mpr_turns_work(const rk_mpr_turns *turns);

/* Widens [*lowest, *highest] (0 ... 65535, to begin with 65535 and 0) by slices; false: padding. */
bool rk_mpr_turns_span(const rk_mpr_turns *turns, size_t first, size_t count, uint32_t *lowest,
                       uint32_t *highest, void *work);

/* Sets the base; false if the range is too wide. */
bool rk_mpr_turns_base(rk_mpr_turns *turns, uint32_t lowest, uint32_t highest);

/* Fills the values of some rows of the volume. */
void rk_mpr_turns_fill(const rk_mpr_turns *turns, const rk_row_table *row, size_t first,
                       size_t count, void *work);

/*
 * Columns first ... first + count - 1 of a view of the grid; `out` and `outside` are the whole
 * picture. Returns the number of pixels without data.
 */
size_t rk_mpr_turns_view(const rk_mpr_turns *turns, const rk_row_table *row,
                         const rk_mpr_grid *grid, size_t first, size_t count, void *out,
                         uint8_t *outside, void *work);

#endif /* RK_MPR_TURNS_H */
