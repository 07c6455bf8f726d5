/* tests/kernels/check_ht_encode.h: makes valid HT code-blocks (T.814). */
#ifndef CHECK_HT_ENCODE_H
#define CHECK_HT_ENCODE_H

#include "kernels/ht.h"

/* A row of the code tables (T.814 annex C). */
typedef struct ht_code {
    uint8_t context, rho, u_off, e_k, e_1, word, length;
} ht_code;

enum { HT_FIRST_ROWS = 444, HT_OTHER_ROWS = 358 };
extern const ht_code ht_first_rows[HT_FIRST_ROWS]; /* first quad-row */
extern const ht_code ht_other_rows[HT_OTHER_ROWS];

typedef struct ht_coded {
    uint8_t cleanup[RK_HT_CLEANUP_MAX + 64], refine[16384];
    size_t cleanup_size, refine_size;
    /* What a decoder is to find: magnitudes, and the lowest bit-plane that is known. */
    uint64_t magnitude[RK_BLOCK_AREA];
    uint8_t lowest[RK_BLOCK_AREA];
} ht_coded;

/*
 * Encodes values, in units of bit-plane b->plane (one pass) or b->plane - 1, row by row, as b says
 * (shape, passes, plane, causal). Of all code words that would do one is taken by chance.
 * False if the result is longer than T.814 allows.
 */
bool ht_encode(ht_coded *to, const rk_ht_block *b, const int64_t *values, uint64_t chance);

#endif /* CHECK_HT_ENCODE_H */
