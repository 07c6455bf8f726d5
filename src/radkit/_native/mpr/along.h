/*
 * mpr/along.h: planes whose rows run along the columns of the volume.
 *
 * The functions take columns from ... from + cols - 1 of the job's grid only, and the part's rows
 * are `cols` pixels long; whatever depends on values (which arithmetic) is decided by all columns
 * of the grid, so that a pixel does not depend on how a plane is cut.
 */
#ifndef RK_MPR_ALONG_H
#define RK_MPR_ALONG_H

#include "kernels/mpr_row.h"
#include "mpr/mpr.h"

/* All interpolations but nearest. */
bool rk_mpr_along_fits(const rk_mpr_job *job);
size_t rk_mpr_along_work(const rk_mpr_job *job, size_t cols);
size_t rk_mpr_along_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part,
                         size_t from, size_t cols);

/* Nearest, thin. */
bool rk_mpr_copied_fits(const rk_mpr_job *job);
size_t rk_mpr_copied_work(const rk_mpr_job *job, size_t cols);
size_t rk_mpr_copied_rows(const rk_mpr_job *job, const rk_mpr_part *part, size_t from, size_t cols);

/* Gives pixels first ... end - 1 of a row of results `fill`, and marks them. */
void rk_mpr_leave(const rk_mpr_job *job, void *out, uint8_t *outside, size_t first, size_t end);

/* The volume without its padding value, if no voxel can have it. */
rk_mpr_volume rk_mpr_with_possible_padding(const rk_mpr_volume *volume);

#endif /* RK_MPR_ALONG_H */
