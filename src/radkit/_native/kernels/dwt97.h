/* kernels/dwt97.h: the irreversible 9/7 filter in float32 (T.800 F.3.8.1, F.4.8.1). */
#ifndef RK_KERNELS_DWT97_H
#define RK_KERNELS_DWT97_H

#include "kernels/dwt.h"

/*
 * Inverse, by absolute coordinate, after low * gain[0] and high * gain[1] (K and 1 / K of both
 * directions joined into one factor per band, see dwt.c):
 *
 *     x(2n)   = y(2n)   - delta * (y(2n-1) + y(2n+1))     step 0
 *     x(2n+1) = y(2n+1) - gamma * (x(2n) + x(2n+2))       step 1
 *     x(2n)   = x(2n)   - beta  * (x(2n-1) + x(2n+1))     step 2
 *     x(2n+1) = x(2n+1) - alpha * (x(2n) + x(2n+2))       step 3
 *
 * Forward: + alpha (odd), + beta (even), + gamma, + delta, then the gains 1 / K and K.
 * Every operation is rounded to float32 and none are fused, so that all variants and all
 * machines give the same bits.
 */
#define RK_DWT97_ALPHA (-1.586134342059924f)
#define RK_DWT97_BETA (-0.052980118572961f)
#define RK_DWT97_GAMMA 0.882911075530934f
#define RK_DWT97_DELTA 0.443506852043971f
#define RK_DWT97_K 1.230174104914001

typedef struct rk_dwt97_table {
    rk_dwt_join_fn *join;
    rk_dwt_split_fn *split;
    rk_dwt_lift_fn *ilift, *flift;
    rk_dwt_step_fn *istep0, *istep1, *istep2, *istep3;
    rk_dwt_step_fn *fstep0, *fstep1, *fstep2, *fstep3;
} rk_dwt97_table;

rk_dwt_filter rk_dwt97_inverse(const rk_dwt97_table *t);
rk_dwt_filter rk_dwt97_forward(const rk_dwt97_table *t);

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_dwt97_table_fill(rk_dwt97_table *t, uint32_t cpu);

#endif /* RK_KERNELS_DWT97_H */
