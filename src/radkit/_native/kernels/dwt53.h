/* kernels/dwt53.h: the reversible 5/3 filter (T.800 F.3.8.2, F.4.8.2). */
#ifndef RK_KERNELS_DWT53_H
#define RK_KERNELS_DWT53_H

#include "kernels/dwt.h"

/*
 * With x the samples and y the coefficients, by absolute coordinate,
 *
 *     inverse   x(2n)   = y(2n)   - ((y(2n-1) + y(2n+1) + 2) >> 2)     step 0
 *               x(2n+1) = y(2n+1) + ((x(2n) + x(2n+2)) >> 1)           step 1
 *     forward   y(2n+1) = x(2n+1) - ((x(2n) + x(2n+2)) >> 1)           step 0
 *               y(2n)   = x(2n)   + ((y(2n-1) + y(2n+1) + 2) >> 2)     step 1
 *
 * with sums that wrap in the type of the elements. See dwt.h for the kernels' contract.
 */
typedef struct rk_dwt53_table {
    rk_dwt_join_fn *join_i16, *join_i32, *join_i64;
    rk_dwt_split_fn *split_i16, *split_i32, *split_i64;
    rk_dwt_lift_fn *ilift_i16, *ilift_i32, *ilift_i64; /* inverse */
    rk_dwt_lift_fn *flift_i16, *flift_i32, *flift_i64; /* forward */
    rk_dwt_step_fn *ieven_i16, *ieven_i32, *ieven_i64; /* inverse, steps 0 and 1 */
    rk_dwt_step_fn *iodd_i16, *iodd_i32, *iodd_i64;
    rk_dwt_step_fn *fodd_i16, *fodd_i32, *fodd_i64; /* forward, steps 0 and 1 */
    rk_dwt_step_fn *feven_i16, *feven_i32, *feven_i64;
    rk_dwt_row_fn *halve_i16, *halve_i32, *halve_i64;
    rk_dwt_row_fn *twice_i16, *twice_i32, *twice_i64;
    /* Largest absolute value of n elements (that of INT16_MIN is 32768 ...). */
    uint64_t (*peak_i16)(const void *row, size_t n);
    uint64_t (*peak_i32)(const void *row, size_t n);
    /* int32_t to int16_t, where what does not fit is cut off; int16_t to int32_t. */
    void (*narrow)(const void *src, void *out, size_t n);
    void (*widen)(const void *src, void *out, size_t n);
} rk_dwt53_table;

/*
 * Whether a type of so many bits holds every sum that the inverse of a level forms, and so is
 * exact, if these are the largest absolute values of its bands. After the rows,
 *
 *     l = LL + 1.5 HL    bounds the low rows,    h = LH + 1.5 HH    the high ones;
 *
 * then the sums are h + h (step 0), 2 (l + h / 2) of two even rows (step 1), and the odd rows
 * are l + 1.5 h; rounding adds less than 16 to any of them.
 * Peaks of the bands come from the block decoders, that of LL from the plane below (`peak_*`): a
 * bound of LL by theory is too wide to let real images pass.
 */
bool rk_dwt53_fits(unsigned bits, uint64_t ll, uint64_t hl, uint64_t lh, uint64_t hh);

/* The filters of RK_DWT_INT16, RK_DWT_INT32 or RK_DWT_INT64 elements. */
rk_dwt_filter rk_dwt53_inverse(const rk_dwt53_table *t, rk_dwt_type type);
rk_dwt_filter rk_dwt53_forward(const rk_dwt53_table *t, rk_dwt_type type);

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_dwt53_table_fill(rk_dwt53_table *t, uint32_t cpu);

#endif /* RK_KERNELS_DWT53_H */
