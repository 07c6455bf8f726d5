/* kernels/dwt53_variants.h: the kernels behind dwt53.h by name, for its own files and the tests. */
#ifndef RK_KERNELS_DWT53_VARIANTS_H
#define RK_KERNELS_DWT53_VARIANTS_H

#include "kernels/dwt53.h"

#define RK_DWT53_DECLARE(type_isa)                                                       \
    rk_dwt_join_fn rk_dwt53_join_##type_isa;                                             \
    rk_dwt_split_fn rk_dwt53_split_##type_isa;                                           \
    rk_dwt_lift_fn rk_dwt53_ilift_##type_isa, rk_dwt53_flift_##type_isa;                 \
    rk_dwt_step_fn rk_dwt53_ieven_##type_isa, rk_dwt53_iodd_##type_isa;                  \
    rk_dwt_step_fn rk_dwt53_fodd_##type_isa, rk_dwt53_feven_##type_isa;                  \
    rk_dwt_row_fn rk_dwt53_halve_##type_isa, rk_dwt53_twice_##type_isa;

RK_DWT53_DECLARE(i16_c)
RK_DWT53_DECLARE(i32_c)
RK_DWT53_DECLARE(i64_c)
RK_DWT53_DECLARE(i16_avx2)
RK_DWT53_DECLARE(i32_avx2)

uint64_t rk_dwt53_peak_i16_c(const void *row, size_t n);
uint64_t rk_dwt53_peak_i32_c(const void *row, size_t n);
uint64_t rk_dwt53_peak_i16_avx2(const void *row, size_t n);
uint64_t rk_dwt53_peak_i32_avx2(const void *row, size_t n);
void rk_dwt53_narrow_c(const void *src, void *out, size_t n);
void rk_dwt53_narrow_avx2(const void *src, void *out, size_t n);
void rk_dwt53_widen_c(const void *src, void *out, size_t n);
void rk_dwt53_widen_avx2(const void *src, void *out, size_t n);

#endif /* RK_KERNELS_DWT53_VARIANTS_H */
