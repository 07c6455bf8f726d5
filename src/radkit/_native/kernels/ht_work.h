/* kernels/ht_work.h: what the variants of ht.h share; for them only. */
#ifndef RK_KERNELS_HT_WORK_H
#define RK_KERNELS_HT_WORK_H

#include "ht.h"

/*
 * The code words of the cleanup pass (T.814 annex C) by context and the next seven bits; first
 * quad-row, other rows. Bits 0-5 length, 6 u_off, 8-10 what the quad adds to the context of the
 * next one (in the place of an index), 12-15 rho, 16-19 e_k, 20-23 e_1.
 */
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

/* Work of rk_ht_refine. */
typedef struct rk_ht_refinement {
    uint8_t up[4096], down[4096]; /* a segment, and as many zeros as a block may read */
    uint8_t significant[(RK_BLOCK_SIDE / 4 + 2) * 24];
} rk_ht_refinement;

/*
 * SigProp and MagRef of a block of RK_COEF_INT32 and 2 or 3 passes, whose `out` holds what
 * the cleanup pass found, in units of bit-plane 0 without any half. Makes coefficients of it.
 */
void rk_ht_refine(const rk_ht_block *b, rk_ht_refinement *r);

/* One block by the reference, all passes. */
void rk_ht_decode_one(rk_ht_block *b, void *work);

#endif /* RK_KERNELS_HT_WORK_H */
