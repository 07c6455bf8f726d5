/* kernels/ht_work.h: what the variants of ht.h share; for them only. */
#ifndef RK_KERNELS_HT_WORK_H
#define RK_KERNELS_HT_WORK_H

#include "ht.h"

/* A row of the code tables (T.814 annex C). */
typedef struct rk_ht_code {
    uint8_t context, rho, u_off, e_k, e_1, word, length;
} rk_ht_code;

#define RK_HT_FIRST_ROWS 444
#define RK_HT_OTHER_ROWS 358
extern const rk_ht_code rk_ht_first_rows[RK_HT_FIRST_ROWS];
extern const rk_ht_code rk_ht_other_rows[RK_HT_OTHER_ROWS];

/* ht_lookup.c: first quad-row, other rows */
extern const uint32_t rk_ht_lookup[2][8 * 128];

/* Events per MEL code word are 2^exponent (T.814 table 2). */
extern const uint8_t rk_ht_mel_exponents[13];

/* Most U that a block of RK_COEF_INT16 may have. */
#define RK_HT_U_INT16 15

/* Bytes of work, the most of any variant. */
#define RK_HT_STATE 524288

/* What can be said before decoding: 0, RK_BLOCK_DAMAGED or RK_BLOCK_WIDE. */
uint32_t rk_ht_refused(const rk_ht_block *b);

/* All coefficients of the block 0. */
void rk_ht_clear(const rk_ht_block *b);

/* One block by the reference, all passes. */
void rk_ht_decode_one(rk_ht_block *b, void *work);

#endif /* RK_KERNELS_HT_WORK_H */
