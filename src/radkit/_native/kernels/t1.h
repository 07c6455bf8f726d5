/* kernels/t1.h: code-blocks of JPEG 2000 Part 1 (T.800 annexes C and D), bytes to coefficients. */
#ifndef RK_KERNELS_T1_H
#define RK_KERNELS_T1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radkit/status.h"

/* A code-block is 1 to 1024 samples wide and high and has at most 4096 of them (T.800 A.6.1). */
#define RK_BLOCK_SIDE 1024
#define RK_BLOCK_AREA 4096

typedef enum rk_band { RK_BAND_LL, RK_BAND_HL, RK_BAND_LH, RK_BAND_HH } rk_band;

/* Code-block style, T.800 table A.19. */
#define RK_T1_BYPASS 0x01u
#define RK_T1_RESET 0x02u
#define RK_T1_TERMINATE 0x04u
#define RK_T1_CAUSAL 0x08u
#define RK_T1_PREDICTABLE 0x10u /* says how the encoder ended segments; needs nothing here */
#define RK_T1_SYMBOLS 0x20u

/*
 * Coefficients. Let m be the magnitude of a coefficient in units of bit-plane 0 as far as
 * it was decoded, and p the lowest bit-plane that was decoded for it. Written is, with its sign,
 *
 *     whole (half = false)   m + (2^p >> 1)     the integer of the reversible path; p = 0: m
 *     half  (half = true)    2 m + 2^p          twice (q + r 2^p) with r = 1/2 (T.800 E.1.1.2)
 *
 * and 0 for m = 0. So `half` times step/2 is the dequantised value, and whole = half >> 1.
 * With ROI (T.800 annex H) both keep their meaning: a magnitude of at least 2^s (whole) or
 * 2^(s+1) (half) belongs to the region and is to be shifted right by s.
 */
typedef enum rk_coef { RK_COEF_INT16, RK_COEF_INT32, RK_COEF_INT64 } rk_coef;

/* Most magnitude bit-planes that a format holds; `half` takes one away. */
#define RK_COEF_PLANES_INT16 15
#define RK_COEF_PLANES_INT32 31
#define RK_COEF_PLANES_INT64 62

/* Bits of `result`; 0: nothing to say. */
#define RK_BLOCK_DAMAGED 0x1u /* the bytes contradict themselves; what was decoded is written */
#define RK_BLOCK_WIDE 0x2u    /* does not fit the format; the output is unspecified */
#define RK_BLOCK_EXCESS 0x4u  /* more passes than bit-planes or segments; the rest is ignored */
#define RK_BLOCK_FULL 0x8u    /* of an encoder: the capacity does not do */

/* A codeword segment: its bytes in one piece, and the coding passes that it holds. */
typedef struct rk_t1_segment {
    const uint8_t *data; /* may be NULL if size is 0 */
    uint32_t size;
    uint32_t passes;     /* 0 is allowed */
} rk_t1_segment;

/*
 * One code-block. `planes` is the number of magnitude bit-planes that are coded: Mb (with the
 * ROI shift) minus the missing ones of the packet header. 0 planes or passes: all zeros.
 * With bypass (without terminate) segments hold 10, 2, 1, 2, 1 ... passes, with terminate one
 * each (T.800 table D.9); that is the caller's to arrange, for segments may end early.
 */
typedef struct rk_t1_block {
    uint32_t width, height;
    uint8_t band;  /* rk_band */
    uint8_t style; /* RK_T1_* */
    uint8_t planes;
    uint8_t format; /* rk_coef */
    bool half;
    bool cut; /* the last segment ends before its passes do */
    uint32_t passes;
    const rk_t1_segment *segments;
    uint32_t count; /* of segments */
    void *out;      /* int16_t, int32_t or int64_t, aligned to its type */
    size_t stride;  /* of out, in coefficients */
    /* result */
    uint32_t result; /* RK_BLOCK_* */
    uint64_t peak;   /* largest absolute value written */
} rk_t1_block;

/*
 * Decodes n code-blocks and sets `result` and `peak` of each. They may differ in all they are;
 * outputs do not overlap. More blocks in a call are never slower, and faster where a variant
 * decodes some side by side.
 *
 * Contract, the same for every variant:
 *   - `width`, `height` are in range, `planes` <= 62, `style` < 64.
 *   - Reads segments [0, size) only; past its end a segment counts as ones (T.800 D.4.1). Up to
 *     RK_PAD bytes behind each may be touched, so these must be readable; they may hold anything.
 *   - With `cut` the passes of the last segment end where its bytes do, amid a pass as a rule: what
 *     was decoded until then is kept. Such a block is decoded by the reference in every variant.
 *   - All height rows of width coefficients are written, nothing between rows.
 *   - `work` has rk_t1_work_size(largest size of any segment) bytes, aligned to 64; nothing
 *     needs to be set before, nothing is kept in it.
 *   - Any bytes are allowed; they give some coefficients, the same in every variant.
 *
 * The code string of an MQ segment is taken as the number that T.800 C.2 makes it: a byte 80
 * to 8F behind FF adds its carry to the bits before it. A decoder that reads byte by byte
 * (C.3) sees such a carry later, which makes no difference to any string that an encoder can make.
 */
typedef void rk_t1_decode_fn(rk_t1_block *blocks, size_t n, void *work);

typedef struct rk_t1_table {
    rk_t1_decode_fn *decode;
} rk_t1_table;

/* Bytes of work for segments of up to `bytes` bytes, or false if that cannot be counted. */
RK_MUST_CHECK bool rk_t1_work_size(size_t *size, size_t bytes);

/* The reference: plain C, every variant is compared with it. */
rk_t1_decode_fn rk_t1_decode_c;

#if defined(__x86_64__) || defined(_M_X64)
rk_t1_decode_fn rk_t1_decode_avx2;
#endif

/* Fills `t` with the best variants that `cpu` (RK_CPU_* bits) permits. */
void rk_t1_table_fill(rk_t1_table *t, uint32_t cpu);

#endif /* RK_KERNELS_T1_H */
