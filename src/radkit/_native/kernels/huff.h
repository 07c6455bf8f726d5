/* kernels/huff.h: Huffman tables of JPEG (T.81 annex C, K.2). */
#ifndef RK_KERNELS_HUFF_H
#define RK_KERNELS_HUFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

/* As a DHT segment tells it: how many codes of 1 ... 16 bits, and their values. */
typedef struct rk_huff_spec {
    uint8_t counts[16];
    uint8_t values[256];
} rk_huff_spec;

/* Canonical form: the codes of `l` bits are first[l] ... first[l] + count[l] - 1. */
typedef struct rk_huff_canon {
    uint32_t first[17];
    uint32_t count[17];
    uint32_t index[17]; /* of the first value of that length */
    uint8_t values[256];
} rk_huff_canon;

/*
 * T.81 C.2. False if there are no codes, more than 256, or more of one length than
 * fit. Accepted beyond the standard, since such tables exist and are unambiguous: a
 * code of all ones, and one code too many of 16 bits (the old Cornell encoder), which
 * gets no code.
 */
RK_MUST_CHECK bool rk_huff_build(rk_huff_canon *canon, const rk_huff_spec *spec);

/*
 * T.81 K.2: code lengths of at most 16 bits for `n` <= 256 symbols, the code of all
 * ones kept free. Symbols of frequency 0 get no code. Frequencies sum to < 2^62.
 */
void rk_huff_optimal(rk_huff_spec *spec, const uint64_t *frequency, size_t n);

#endif /* RK_KERNELS_HUFF_H */
