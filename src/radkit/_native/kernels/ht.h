/* kernels/ht.h: HT code-blocks (T.814, JPEG 2000 Part 15), bytes to coefficients. */
#ifndef RK_KERNELS_HT_H
#define RK_KERNELS_HT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"
#include "t1.h" /* rk_coef, RK_BLOCK_* */

/* T.814 7.1.1: a cleanup segment has 2 to 65534 bytes, its suffix at most 4079; a refinement segment up
 * to 2046. */
#define RK_HT_CLEANUP_MAX 65534u
#define RK_HT_REFINE_MAX 2046u

/*
 * One code-block, one HT set. With Mb magnitude bit-planes in the band, z missing ones in the
 * packet header and S sets skipped before this one (placeholder passes), the cleanup pass is
 * of bit-plane  plane = Mb - 1 - z - S  and codes  planes = Mb - plane = z + 1 + S  of them; in a
 * lossless block that is plane = 0, planes = Mb. SigProp and MagRef are of bit-plane plane - 1.
 */
typedef struct rk_ht_block {
    uint32_t width, height;
    const uint8_t *cleanup; /* cleanup_size bytes: MagSgn, MEL, VLC */
    const uint8_t *refine;  /* refine_size bytes; anywhere; may be NULL if the size is 0 */
    uint32_t cleanup_size;
    uint32_t refine_size;
    uint8_t passes; /* 0: all zeros. 1: cleanup, 2: SigProp too, 3: MagRef too */
    uint8_t plane;  /* bit-plane of the cleanup pass; above 0 if passes > 1 */
    uint8_t planes; /* magnitude bit-planes that it codes, >= 1 */
    uint8_t format; /* rk_coef */
    bool half;
    bool causal;   /* vertically causal (T.800 table A.19), acts in SigProp */
    void *out;     /* int16_t, int32_t or int64_t, aligned to its type */
    size_t stride; /* of out, in coefficients */
    /* result */
    uint32_t result; /* RK_BLOCK_* */
    uint64_t peak;   /* largest absolute value written */
} rk_ht_block;

/*
 * Decodes n code-blocks and sets `result` and `peak` of each; coefficients as t1.h defines them.
 * They may differ in all they are; outputs do not overlap. Side by side they are several times
 * as fast as one by one: give all blocks of a band or an image in one call, at best those of
 * equal width next to each other.
 *
 * What can go wrong:
 *   - RK_BLOCK_DAMAGED: the lengths are none that T.814 allows, or an exponent bound U is above
 *     planes + 1. Refinement passes cannot be damaged: their segment counts as zeros past its end.
 *   - RK_BLOCK_WIDE, never together with it: the format cannot hold the block. Formats hold
 *     plane + planes up to 30 (RK_COEF_INT16, RK_COEF_INT32) or 61 (RK_COEF_INT64), `half` one
 *     less. RK_COEF_INT16 holds only blocks of plane 0, one pass, not half, whose U are all
 *     at most 15: so up to 14 planes always, and more if the values happen to be small. Try,
 *     and decode again in RK_COEF_INT32.
 * If the U of one quad-row break both rules, it is damaged; else the first row that breaks one
 * decides. In both cases the output is all zero and the peak 0.
 *
 * Contract, the same for every variant:
 *   - `width`, `height` are in range (t1.h), `plane` + `planes` <= 254.
 *   - Reads [0, size) of the segments only. Up to RK_PAD bytes behind each may be touched, so these
 *     must be readable; they may hold anything.
 *   - All height rows of width coefficients are written, nothing between rows.
 *   - `work` has rk_ht_work_size() bytes, aligned to 64; nothing needs to be set before, nothing
 *     is kept in it.
 *   - Any bytes are allowed; they give the same coefficients in every variant.
 */
typedef void rk_ht_decode_fn(rk_ht_block *blocks, size_t n, void *work);

typedef struct rk_ht_table {
    rk_ht_decode_fn *decode;
} rk_ht_table;

size_t rk_ht_work_size(void);

/* The reference: plain C, every variant is compared with it. */
rk_ht_decode_fn rk_ht_decode_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_ht_decode_fn rk_ht_decode_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_ht_table_fill(rk_ht_table *t, uint32_t cpu);

#endif /* RK_KERNELS_HT_H */
