/* kernels/t1_encode_work.h: what the variants of t1_encode.h share; for them only. */
#ifndef RK_KERNELS_T1_ENCODE_WORK_H
#define RK_KERNELS_T1_ENCODE_WORK_H

#include "mq_encode.h"
#include "t1_encode.h"

/* Work of a block: so many bytes, the most of any variant, then its code string. */
#define RK_T1_ENCODE_STATE 98304

/* Bytes of work beside: what a string may be longer than the bytes made of it, and alignment. */
#define RK_T1_ENCODE_SPARE (3 * RK_MQ_SLACK + 64)

/* Blocks that a variant has on their way at once, the most of any. */
#define RK_T1_ENCODE_LANES 4

typedef enum rk_t1_kind { RK_T1_SIGNIFICANCE, RK_T1_REFINEMENT, RK_T1_CLEANUP } rk_t1_kind;

/*
 * What a pass coded, for its gain: in significance and cleanup passes of samples that became significant
 * (`ones`), in refinement passes of all, by the bit that was sent. `below`: the sum of their
 * magnitudes below this plane, those with bit 0 subtracted.
 */
typedef struct rk_t1_tally {
    uint64_t ones, zeros;
    int64_t below;
} rk_t1_tally;

typedef struct rk_t1_pass {
    rk_t1_kind kind;
    unsigned plane;
    bool raw;      /* bypass: plain bits */
    bool measured; /* fill in the tally */
} rk_t1_pass;

/*
 * A block on its way: which passes there are, where segments end, lengths, gains. A variant
 * calls rk_t1_begin, then codes `pass` into `mq` and calls rk_t1_next until that says there is no more.
 */
typedef struct rk_t1_job {
    rk_t1_source *b;
    rk_mq_encoder mq;
    rk_t1_pass pass; /* to be coded */
    uint32_t index;  /* of this pass */
    uint32_t first;  /* pass of the open segment */
    rk_mq_point points[RK_T1_PASSES]; /* of the open segment */
} rk_t1_job;

/* `planes` as found (32 for INT32_MIN). False if there is nothing to code; the result is complete then. */
bool rk_t1_begin(rk_t1_job *job, rk_t1_source *b, unsigned planes, uint8_t *string);

/* False if that was the last pass: the result is complete. */
bool rk_t1_next(rk_t1_job *job, const rk_t1_tally *tally);

#endif /* RK_KERNELS_T1_ENCODE_WORK_H */
