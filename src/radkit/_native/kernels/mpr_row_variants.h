/* kernels/mpr_row_variants.h: the kernels behind mpr_row.h by name, for its own files. */
#ifndef RK_KERNELS_MPR_ROW_VARIANTS_H
#define RK_KERNELS_MPR_ROW_VARIANTS_H

#include "kernels/mpr_row.h"

#define RK_ROW_VARIANTS(isa)                                                             \
    rk_row_scale_fn rk_row_scale_##isa;                                                  \
    rk_row_lerp_fn rk_row_lerp_##isa;                                                    \
    rk_row_blend_fn rk_row_blend_##isa;                                                  \
    rk_row_thin_fn rk_row_thin_##isa;                                                    \
    rk_row_fan_fn rk_row_fan_max_##isa, rk_row_fan_min_##isa;                            \
    rk_row_peak_fn rk_row_max_16_##isa, rk_row_min_16_##isa;                             \
    rk_row_peak_fn rk_row_max_f32_##isa, rk_row_min_f32_##isa;                           \
    rk_row_unscale_fn rk_row_unscale_##isa;                                              \
    rk_row_warp_fn rk_row_warp_##isa;                                                    \
    rk_row_taps_fn rk_row_taps_##isa;                                                    \
    rk_row_widen_fn rk_row_widen_i16_##isa, rk_row_widen_u16_##isa;                      \
    rk_row_sum_fn rk_row_sum_##isa;                                                      \
    rk_row_voxels_fn rk_row_sum_i16_##isa, rk_row_sum_u16_##isa;                         \
    rk_row_round_fn rk_row_round_i16_##isa, rk_row_round_u16_##isa;                      \
    rk_row_path_fn rk_row_path_i16_##isa, rk_row_path_u16_##isa;                         \
    rk_row_turn_fn rk_row_turn_##isa;                                                    \
    rk_row_ray_fn rk_row_ray_max_##isa, rk_row_ray_min_##isa;                            \
    rk_row_ray_sum_fn rk_row_ray_sum_##isa

RK_ROW_VARIANTS(c);
RK_ROW_VARIANTS(avx2);

rk_row_path_fn rk_row_path_u8_c, rk_row_path_i8_c, rk_row_path_f32_c;

#endif /* RK_KERNELS_MPR_ROW_VARIANTS_H */
