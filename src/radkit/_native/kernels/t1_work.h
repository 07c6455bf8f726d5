/* kernels/t1_work.h: what the variants of t1.h share; for them only. */
#ifndef RK_KERNELS_T1_WORK_H
#define RK_KERNELS_T1_WORK_H

#include "t1.h"

/* Bytes of work before the code string, the most of any variant. */
#define RK_T1_STATE 132096

/* t1_tables.c */
extern const uint64_t rk_t1_states[94];
extern const uint8_t rk_t1_zero[4][512];
extern const uint8_t rk_t1_sign[256];
extern const uint64_t rk_t1_later[64];

/* One block by the reference. */
void rk_t1_decode_one(rk_t1_block *b, void *work);

/* Does the format hold so many planes? */
static inline bool rk_t1_fits(const rk_t1_block *b)
{
    unsigned most = b->format == RK_COEF_INT16   ? RK_COEF_PLANES_INT16
                    : b->format == RK_COEF_INT32 ? RK_COEF_PLANES_INT32
                                                 : RK_COEF_PLANES_INT64;
    return b->planes + (b->half ? 1u : 0u) <= most;
}

#endif /* RK_KERNELS_T1_WORK_H */
