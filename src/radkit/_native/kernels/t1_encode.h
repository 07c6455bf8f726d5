/* kernels/t1_encode.h: code-blocks of JPEG 2000 Part 1 (T.800 annexes C and D), coefficients to bytes. */
#ifndef RK_KERNELS_T1_ENCODE_H
#define RK_KERNELS_T1_ENCODE_H

#include "t1.h"

/* Most passes of a block: one in the first of 31 bit-planes, three in each other. */
#define RK_T1_PASSES 91

/* What is known at the end of a coding pass. */
typedef struct rk_t1_end {
    uint32_t length; /* the least number of bytes of `out` that decode all passes so far, ones behind them */
    bool closed;     /* a codeword segment ends here: `length` is its end, too */
    double gain;     /* weight * squared error that the pass takes away, in units of bit-plane 0 */
} rk_t1_end;

/*
 * One code-block. Its values are int16_t or int32_t (`format`) in two's complement, not INT32_MIN. Planes
 * below `floor` are not coded but count in gains, so they may hold a fraction.
 *
 * Gains suppose a decoder that takes magnitudes as rk_t1_block says, with the same `half`; with `half`
 * a value stands for the middle between it and the next one away from 0, as a dead zone quantiser
 * leaves it. They are measured if `weight` is not 0. (For `floor` > 0 `half` says nothing of what
 * planes below 0 hold.)
 */
typedef struct rk_t1_source {
    uint32_t width, height;
    uint8_t band;   /* rk_band */
    uint8_t style;  /* RK_T1_* */
    uint8_t format; /* rk_coef, but not RK_COEF_INT64 */
    uint8_t floor;
    bool half;
    double weight;
    const void *values; /* aligned to their type */
    size_t stride;      /* of values, in coefficients */
    uint8_t *out;
    size_t capacity;
    rk_t1_end *ends; /* room for RK_T1_PASSES */
    /* result */
    uint32_t result; /* 0, RK_BLOCK_FULL, or RK_BLOCK_WIDE for INT32_MIN: nothing is coded */
    uint32_t planes; /* magnitude bit-planes, those below `floor` too */
    uint32_t passes;
    size_t size;     /* of out: length of the last pass */
} rk_t1_source;

/*
 * Encodes n code-blocks. They may differ in all they are; outputs do not overlap.
 *
 * Contract, the same for every variant:
 *   - `width`, `height` are in range, `style` < 64, `floor` < 32; `weight` is finite, not
 *     negative.
 *   - Nothing is read beyond width coefficients of a row, nothing written beyond `capacity`.
 *   - `work` has rk_t1_encode_work(largest capacity) bytes, aligned to 64; nothing needs to be set
 *     before, nothing is kept in it.
 *   - Every variant gives the same bytes, lengths and gains. No segment ends in FF; carries are always
 *     in the bits before, never in a stuffed bit.
 */
typedef void rk_t1_encode_fn(rk_t1_source *blocks, size_t n, void *work);

typedef struct rk_t1_encode_table {
    rk_t1_encode_fn *encode;
} rk_t1_encode_table;

/* A capacity that does for any values of so many planes (at most 31). */
size_t rk_t1_encode_capacity(uint32_t width, uint32_t height, uint32_t planes);

/* Bytes of work for blocks of up to `capacity`, or false if that cannot be counted. */
RK_MUST_CHECK bool rk_t1_encode_work(size_t *size, size_t capacity);

/* The reference: plain C, every variant is compared with it. */
rk_t1_encode_fn rk_t1_encode_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_t1_encode_fn rk_t1_encode_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_t1_encode_table_fill(rk_t1_encode_table *t, uint32_t cpu);

#endif /* RK_KERNELS_T1_ENCODE_H */
