/*
 * j2k/codewords.h: the codeword segments of a code-block, put together from what its packets
 * brought.
 */
#ifndef RK_J2K_CODEWORDS_H
#define RK_J2K_CODEWORDS_H

#include "tile.h"

/* More than a block can use: 4096 samples, 62 planes, 3 passes, 2 symbols, 15 bits each. */
#define RK_J2K_SEGMENT_MAX ((uint32_t)1 << 20)

/* Where segments are joined: copies are of `arena`, the rest stays where it is in the stream. */
typedef struct rk_j2k_joiner {
    const rk_j2k_stream *stream;
    rk_j2k_arena *arena;
} rk_j2k_joiner;

/* The HT set of a block that is decoded: the last whose cleanup pass is there. */
typedef struct rk_j2k_ht_set {
    rk_t1_segment cleanup; /* size 0: none */
    rk_t1_segment refine;  /* as far as it goes */
    unsigned number;
} rk_j2k_ht_set;

/* All segments of a Part 1 block, each in one piece with RK_PAD readable bytes behind; sets
 * `segments`, `count` and `passes`. */
RK_MUST_CHECK rk_status rk_j2k_join_plain(const rk_j2k_joiner *j, const rk_j2k_block *block,
                                          rk_t1_block *to);
/* Of an HT block. */
RK_MUST_CHECK rk_status rk_j2k_join_ht(const rk_j2k_joiner *j, const rk_j2k_block *block,
                                       rk_j2k_ht_set *to);

#endif /* RK_J2K_CODEWORDS_H */
