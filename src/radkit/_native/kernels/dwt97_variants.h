/* kernels/dwt97_variants.h: the kernels behind dwt97.h by name, for its own files and the tests. */
#ifndef RK_KERNELS_DWT97_VARIANTS_H
#define RK_KERNELS_DWT97_VARIANTS_H

#include "kernels/dwt97.h"

#define RK_DWT97_DECLARE(isa)                                                            \
    rk_dwt_join_fn rk_dwt97_join_##isa;                                                  \
    rk_dwt_split_fn rk_dwt97_split_##isa;                                                \
    rk_dwt_lift_fn rk_dwt97_ilift_##isa, rk_dwt97_flift_##isa;                           \
    rk_dwt_step_fn rk_dwt97_istep0_##isa, rk_dwt97_istep1_##isa;                         \
    rk_dwt_step_fn rk_dwt97_istep2_##isa, rk_dwt97_istep3_##isa;                         \
    rk_dwt_step_fn rk_dwt97_fstep0_##isa, rk_dwt97_fstep1_##isa;                         \
    rk_dwt_step_fn rk_dwt97_fstep2_##isa, rk_dwt97_fstep3_##isa;

RK_DWT97_DECLARE(c)
RK_DWT97_DECLARE(avx2)

#endif /* RK_KERNELS_DWT97_VARIANTS_H */
