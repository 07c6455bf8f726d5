/* kernels/jpegscan.h: proves that a sequential JPEG scan is whole, without decoding pixels.
 *
 * libjpeg fills what is missing or broken with grey and only warns; this walk over the
 * Huffman codes tells how many MCUs are really there. No allocation, no state. */
#ifndef RK_JPEGSCAN_H
#define RK_JPEGSCAN_H

#include "radkit/status.h"

enum {
    RK_JPEGSCAN_BLOCKS = 10,    /* most blocks of an MCU, T.81 B.2.3 */
    RK_JPEGSCAN_LOOK = 9,       /* bits of the look-up */
    RK_JPEGSCAN_LEAP = 13       /* bits of the look-up of several AC symbols */
};

enum rk_jpegscan_rule {
    RK_JPEGSCAN_FINE,
    RK_JPEGSCAN_TABLE,   /* a Huffman table that is no prefix code */
    RK_JPEGSCAN_CODE,    /* bits that are no code of their table */
    RK_JPEGSCAN_RUN,     /* coefficients beyond the 64th */
    RK_JPEGSCAN_RESTART, /* another marker than the restart that is due */
    RK_JPEGSCAN_SHORT    /* the data end before the last MCU */
};

/* One Huffman table, built by `rk_jpegscan_table`. */
typedef struct rk_jpegscan_huff {
    uint16_t look[1 << RK_JPEGSCAN_LOOK]; /* length << 8 | symbol, 0 = longer or no code */
    int32_t limit[18];                    /* by length: codes below it have that length */
    int32_t shift[18];                    /* symbol index = code + shift */
    uint8_t symbols[256];
    uint32_t count;
} rk_jpegscan_huff;

/* Builds a table from DHT: 16 counts, then `size` symbols. False if it is no prefix code;
 * an all-ones code and unused values are taken. */
bool rk_jpegscan_table(rk_jpegscan_huff *t, const uint8_t counts[16], const uint8_t *symbols,
                       size_t size);

/* All AC symbols that begin within the next bits, appended bits included: bits to drop in bits
 * 0 to 4, coefficients passed in 5 to 11, 15 set if the last one ends the block. 0 = none. */
typedef struct rk_jpegscan_leaps {
    uint16_t look[1 << RK_JPEGSCAN_LEAP];
} rk_jpegscan_leaps;

void rk_jpegscan_leap(rk_jpegscan_leaps *leaps, const rk_jpegscan_huff *ac);

typedef struct rk_jpegscan_plan {
    const rk_jpegscan_huff *dc[RK_JPEGSCAN_BLOCKS], *ac[RK_JPEGSCAN_BLOCKS];
    const rk_jpegscan_leaps *leaps[RK_JPEGSCAN_BLOCKS]; /* of ac; NULL: symbol by symbol */
    uint32_t blocks;  /* of an MCU, 1 .. RK_JPEGSCAN_BLOCKS */
    uint64_t mcus;    /* that the scan must have */
    uint32_t restart; /* MCUs between restart markers, 0 = none */
} rk_jpegscan_plan;

/* Walks `size` bytes of entropy-coded data. `*whole` is the count of MCUs that were
 * there, `*spare` of bytes left over (before restart markers, or at the end). */
RK_MUST_CHECK rk_status rk_jpegscan_walk(const rk_jpegscan_plan *plan, const uint8_t *data,
                                         size_t size, uint64_t *whole, uint64_t *spare);

/* The first FF, at `from` or later, of a marker that ends entropy-coded data, fill bytes
 * included; `size` if there is none. After FF, T.81 stuffs 00 and T.87 a 0 bit; neither that
 * nor RST ends them. */
size_t rk_jpegscan_marker(const uint8_t *data, size_t size, size_t from, bool jpegls);

#endif /* RK_JPEGSCAN_H */
