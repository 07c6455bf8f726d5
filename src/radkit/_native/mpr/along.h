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
#include "mpr/columns.h"
#include "mpr/mpr.h"

/* All interpolations but nearest. */
bool rk_mpr_along_fits(const rk_mpr_job *job);
size_t rk_mpr_along_work(const rk_mpr_job *job, size_t cols);
size_t rk_mpr_along_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part,
                         size_t from, size_t cols);

/*
 * Whether thin scaled rows are moved along the columns before they are blended along the slice axis: in
 * planes that lie as the slices do, so that stacks of them move a row of a slice once.
 */
bool rk_mpr_moves_early(const rk_mpr_job *job, const rk_mpr_columns *columns);

/* Nearest, thin. */
bool rk_mpr_copied_fits(const rk_mpr_job *job);
size_t rk_mpr_copied_work(const rk_mpr_job *job, size_t cols);
size_t rk_mpr_copied_rows(const rk_mpr_job *job, const rk_mpr_part *part, size_t from, size_t cols);

/* Gives pixels first ... end - 1 of a row of results `fill`, and marks them. */
void rk_mpr_leave(const rk_mpr_job *job, void *out, uint8_t *outside, size_t first, size_t end);

/* The volume without its padding value, if no voxel can have it. */
rk_mpr_volume rk_mpr_with_possible_padding(const rk_mpr_volume *volume);

/*
 * The same rows of planes that are `origin` apart along the row axis and run along the slice axis,
 * at most RK_MPR_SIDE_BY_SIDE of them: a row of all planes before the next one, so that memory is
 * read and written in long pieces. The part is that of the first plane, whose others follow.
 */
enum { RK_MPR_SIDE_BY_SIDE = 32 };
size_t rk_mpr_along_planes_work(const rk_mpr_job *job);
size_t rk_mpr_along_planes(const rk_row_table *row, const rk_mpr_job *job, const double *origin,
                           size_t planes, const rk_mpr_part *part);

#endif /* RK_MPR_ALONG_H */
