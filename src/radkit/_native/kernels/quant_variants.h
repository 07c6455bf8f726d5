/* kernels/quant_variants.h: the kernels behind quant.h by name, for its own files and the tests. */
#ifndef RK_KERNELS_QUANT_VARIANTS_H
#define RK_KERNELS_QUANT_VARIANTS_H

#include "kernels/quant.h"

rk_quant_fn rk_quant_i16_i16_c, rk_quant_i16_i32_c, rk_quant_i16_f32_c;
rk_quant_fn rk_quant_i32_i16_c, rk_quant_i32_i32_c, rk_quant_i32_i64_c, rk_quant_i32_f32_c;
rk_quant_fn rk_quant_i64_i32_c, rk_quant_i64_i64_c, rk_quant_i64_f32_c;
rk_quant_fn rk_quant_i16_i32_avx2, rk_quant_i16_f32_avx2;
rk_quant_fn rk_quant_i32_i16_avx2, rk_quant_i32_f32_avx2;

rk_quant_forward_fn rk_quant_forward_i16_c, rk_quant_forward_i32_c, rk_quant_forward_f32_c;
rk_quant_forward_fn rk_quant_forward_i16_avx2, rk_quant_forward_i32_avx2;
rk_quant_forward_fn rk_quant_forward_f32_avx2;

#endif /* RK_KERNELS_QUANT_VARIANTS_H */
