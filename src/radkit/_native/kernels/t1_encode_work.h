/* kernels/t1_encode_work.h: what the variants of t1_encode.h share; for them only. */
#ifndef RK_KERNELS_T1_ENCODE_WORK_H
#define RK_KERNELS_T1_ENCODE_WORK_H

#include "mq_encode.h"
#include "t1_encode.h"

/* Bytes of work before the code string, the most of any variant. */
#define RK_T1_ENCODE_STATE 131072

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

/* A variant: how it takes a block in, returning the number of planes (32 for INT32_MIN), and codes a pass. */
typedef struct rk_t1_engine {
    unsigned (*enter)(void *state, const rk_t1_source *b);
    void (*code)(void *state, rk_mq_encoder *m, const rk_t1_pass *pass, rk_t1_tally *tally);
} rk_t1_engine;

/* Codes a block: which passes there are, where segments end, lengths, gains, when to stop. */
void rk_t1_encode_one(const rk_t1_engine *engine, rk_t1_source *b, void *work);

#endif /* RK_KERNELS_T1_ENCODE_WORK_H */
