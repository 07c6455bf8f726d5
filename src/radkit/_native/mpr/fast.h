/* mpr/fast.h: the general kernels of AVX2, for planes at any angle; see rk_mpr_choice. */
#ifndef RK_MPR_FAST_H
#define RK_MPR_FAST_H

#include "mpr/mpr.h"

/*
 * Rows of a tile of many planes: parts of no more rows may count on the lines of memory that the
 * plane before has left in the cache.
 */
enum { RK_MPR_TILE = 16 };

/* Thin planes, nearest and linear. */
bool rk_mpr_thin_fits(const rk_mpr_job *job);
size_t rk_mpr_thin_work(const rk_mpr_job *job);
rk_mpr_rows_fn rk_mpr_thin_avx2;

/* Slabs, nearest, linear and cubic, and thin planes of cubic. */
bool rk_mpr_slab_fits(const rk_mpr_job *job);
size_t rk_mpr_slab_work(const rk_mpr_job *job);
rk_mpr_rows_fn rk_mpr_slab_avx2;

#endif /* RK_MPR_FAST_H */
