/* kernels/mct_variants.h: the kernels behind mct.h by name, for its own files and the tests. */
#ifndef RK_KERNELS_MCT_VARIANTS_H
#define RK_KERNELS_MCT_VARIANTS_H

#include "kernels/mct.h"

rk_mct_fn rk_mct_irct_i16_c, rk_mct_irct_i32_c, rk_mct_irct_i64_c, rk_mct_iict_c;
rk_mct_fn rk_mct_frct_i16_c, rk_mct_frct_i32_c, rk_mct_fict_c;
rk_mct_fn rk_mct_irct_i16_avx2, rk_mct_irct_i32_avx2, rk_mct_iict_avx2;
rk_mct_fn rk_mct_frct_i16_avx2, rk_mct_frct_i32_avx2, rk_mct_fict_avx2;

rk_mct_store_fn rk_mct_i16_8_c, rk_mct_i16_16_c, rk_mct_i16_32_c;
rk_mct_store_fn rk_mct_i32_8_c, rk_mct_i32_16_c, rk_mct_i32_32_c;
rk_mct_store_fn rk_mct_i64_8_c, rk_mct_i64_16_c, rk_mct_i64_32_c;
rk_mct_store_fn rk_mct_f32_8_c, rk_mct_f32_16_c, rk_mct_f32_32_c;
rk_mct_store_fn rk_mct_i16_8_avx2, rk_mct_i16_16_avx2;
rk_mct_store_fn rk_mct_i32_8_avx2, rk_mct_i32_16_avx2, rk_mct_i32_32_avx2;
rk_mct_store_fn rk_mct_f32_8_avx2, rk_mct_f32_16_avx2;

/* The coefficients of G.3, rounded to float32. */
#define RK_ICT_RED 1.402f
#define RK_ICT_GREEN_CB 0.344136f
#define RK_ICT_GREEN_CR 0.714136f
#define RK_ICT_BLUE 1.772f
#define RK_ICT_Y_RED 0.299f
#define RK_ICT_Y_GREEN 0.587f
#define RK_ICT_Y_BLUE 0.114f
#define RK_ICT_CB 0.564334f
#define RK_ICT_CR 0.713267f

#endif /* RK_KERNELS_MCT_VARIANTS_H */
