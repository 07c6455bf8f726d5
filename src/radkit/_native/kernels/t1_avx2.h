/*
 * kernels/t1_avx2.h: the parts of the AVX2 variant of t1.h, for them only.
 *
 *   t1_segments_avx2.c  the beginning of a segment
 *   t1_passes_avx2.c    the coding passes; t1_mq_avx2.h is its first half: the MQ decoder
 *   t1_avx2.c           the passes of a block, and its coefficients out of the bitmaps
 */
#ifndef RK_KERNELS_T1_AVX2_H
#define RK_KERNELS_T1_AVX2_H

#include "mq.h"
#include "t1_work.h"

#define RK_T1_ROW0 0x1111111111111111u /* the samples of a word in the first row of its stripe */
#define RK_T1_ROW3 0x8888888888888888u

enum {
    RK_T1_WORDS = 256,         /* of a block: at most 256 stripes of one word (16 x 1024) */
    RK_T1_BORDERED = 264,      /* and one stripe above and below */
    RK_T1_COLUMNS = 258 * 24,  /* (stripes + 2) * (16 words + 8), most in 16 x 1024 */
    RK_T1_PLANES = 31,
    RK_T1_STRING = RK_BLOCK_AREA / 64 + 2 /* words of a bit for each sample, and two that may be read */
};

/* Tables are copied into the state: one register is the base of all, and registers are scarce. */
typedef struct rk_t1_state {
    uint64_t context[RK_MQ_CONTEXTS + 1];
    uint64_t states[94];
    uint8_t zero[512]; /* of the band */
    uint8_t sign[256];
    uint64_t later[64];
    uint64_t significant[RK_T1_BORDERED];
    uint64_t coded[RK_T1_WORDS], refined[RK_T1_WORDS], negative[RK_T1_WORDS], valid[RK_T1_WORDS];
    uint64_t plane[RK_T1_PLANES + 1][RK_T1_WORDS];
    uint32_t window[2 * RK_T1_COLUMNS]; /* of columns: significant; from RK_T1_COLUMNS on, negative */
    /* Of a refinement pass: its samples by words; and in their order, has it a significant
     * neighbour (later the decoded bit), was it refined before. */
    uint64_t todo[RK_T1_WORDS], bits[RK_T1_STRING], again[RK_T1_STRING];
} rk_t1_state;

_Static_assert(sizeof(rk_t1_state) <= RK_T1_STATE, "the state of this variant");

/* What stays the same for all passes of a block. */
typedef struct rk_t1_frame {
    rk_t1_state *t;
    size_t words, stripes;
    size_t pitch;        /* of t->window */
    uint32_t height;
    bool causal;
} rk_t1_frame;

/*
 * A in the top 16 bits of 64. C likewise, with the bits that come next below it and a one below
 * these: at least one bit, at most 47. Or, for plain bits, `c` with `ahead` bits at its top.
 */
typedef struct rk_t1_coder {
    uint64_t a, c;
    int64_t ahead;
    const uint8_t *at, *end;
} rk_t1_coder;

/* Opens a segment; `string` has room for its bytes and RK_MQ_TAIL more. */
void rk_t1_open_avx2(rk_t1_coder *m, const rk_t1_segment *segment, bool raw, uint8_t *string);

void rk_t1_reset_avx2(rk_t1_state *t);

/* One pass: kind 0 significance, 1 refinement, 2 cleanup. Returns 0 or RK_BLOCK_DAMAGED. */
uint32_t rk_t1_pass_avx2(const rk_t1_frame *f, rk_t1_coder *m, unsigned kind, bool raw, uint64_t *plane,
                         unsigned style);

#endif /* RK_KERNELS_T1_AVX2_H */
