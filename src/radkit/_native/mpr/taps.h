/* mpr/taps.h: where a point lies, and the voxels and weights that make its value along one axis. */
#ifndef RK_MPR_TAPS_H
#define RK_MPR_TAPS_H

#include "mpr/mpr.h"

/* A point inside: clamped to the outermost centres, and the voxel that it lies in. */
typedef struct rk_mpr_place {
    double at[3];
    size_t near[3];
} rk_mpr_place;

/* False outside of the volume. `at` is of the even grid. */
bool rk_mpr_place_of(const rk_mpr_volume *v, const double at[3], rk_mpr_place *place);

enum { RK_MPR_TAPS = 6 };

/* Taps outside of the axis are those of its ends. The weights add up to 1. */
typedef struct rk_mpr_taps {
    int count;
    ptrdiff_t offset[RK_MPR_TAPS]; /* in elements */
    double weight[RK_MPR_TAPS];
} rk_mpr_taps;

/* Of RK_MPR_CUBIC and RK_MPR_LANCZOS; 0 <= at <= side - 1. */
void rk_mpr_taps_of(rk_mpr_taps *taps, rk_mpr_kernel kernel, double at, size_t side,
                    ptrdiff_t stride);

#endif /* RK_MPR_TAPS_H */
