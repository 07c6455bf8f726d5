/* mpr/special.h: kernels for planes that have an axis of the volume in them. */
#ifndef RK_MPR_SPECIAL_H
#define RK_MPR_SPECIAL_H

#include "mpr/mpr.h"

/*
 * The best special kernel for a job that `cpu` (RK_CPU_* bits) permits, or NULL:
 *   - rows along the columns of the volume (along.c): any interpolation, thin or slab;
 *   - rows across slices' in-plane axes and columns along the slice axis (radial.c): linear, thin;
 *   - both of them turned by a quarter (turned.c).
 * All are for one sample a voxel; they take uneven slices and padding.
 */
const rk_mpr_choice *rk_mpr_special(const rk_mpr_job *job, uint32_t cpu);

#endif /* RK_MPR_SPECIAL_H */
