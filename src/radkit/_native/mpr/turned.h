/*
 * mpr/turned.h: planes that a special kernel could do, were their rows columns: they are done as
 * such, and turned.
 */
#ifndef RK_MPR_TURNED_H
#define RK_MPR_TURNED_H

#include "kernels/mpr_row.h"
#include "mpr/mpr.h"

bool rk_mpr_turned_fits(const rk_mpr_job *job);
size_t rk_mpr_turned_work(const rk_mpr_job *job);
size_t rk_mpr_turned_rows(const rk_row_table *row, const rk_mpr_job *job, const rk_mpr_part *part);

#endif /* RK_MPR_TURNED_H */
