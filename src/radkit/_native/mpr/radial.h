/*
 * mpr/radial.h: planes whose rows lie in the slices and whose columns run along the slice axis:
 * sagittal and radial ones, rotated coronal ones. Linear, thin. For from and cols see along.h.
 */
#ifndef RK_MPR_RADIAL_H
#define RK_MPR_RADIAL_H

#include "kernels/mpr_row.h"
#include "mpr/mpr.h"

bool rk_mpr_radial_fits(const rk_mpr_job *job);
size_t rk_mpr_radial_work(const rk_mpr_job *job, size_t cols);
size_t rk_mpr_radial_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part,
                          size_t from, size_t cols);

#endif /* RK_MPR_RADIAL_H */
