/*
 * j2k/recode.h: the code-blocks of one codestream into those of another, without the wavelet.
 *
 *     open    packets of all tiles; layout, tiles and blocks of the result
 *     run     blocks -> quantised coefficients -> blocks of the other coder
 *     write   write.h, as often as wanted
 *     close
 *
 * Coefficients keep their values and the bit-plane down to which they are known, so that the result
 * decodes to the same samples, lossy or not. A block of Part 1 that ends behind the cleanup pass of plane
 * p becomes one HT cleanup pass of plane p; significance and refinement passes behind it become SigProp
 * and MagRef, which code the same samples (T.800 D.3, T.814 7.4, 7.5); and back. Blocks that are of the
 * wanted kind already keep their bytes, those of Part 1 their layers as well. Tiles and components keep
 * the parameters that they have of their own. The shift of a region of interest is part of the
 * coefficients and stays, but for HT blocks that come of Part 1: few decoders know it there, so it is
 * taken back, which is exact if blocks are reversible and whole.
 */
#ifndef RK_J2K_RECODE_H
#define RK_J2K_RECODE_H

#include "kernels/ht.h"
#include "kernels/ht_encode.h"
#include "kernels/t1.h"
#include "kernels/t1_encode.h"
#include "write.h"

/* What is asked for. */
typedef struct rk_j2k_recoding {
    bool ht;   /* kind of the blocks of the result */
    bool keep; /* refuse what would not keep its bytes */
    uint8_t order;
    bool split, tlm, plt;
    const char *comment;
    uint32_t cpu;
} rk_j2k_recoding;

/* Blocks that go through the kernels at once. */
enum { RK_J2K_RECODE_ROOM = 32 };

/* A block whose coefficients are on their way. */
typedef struct rk_j2k_recode_job {
    rk_j2k_coded *to;
    uint64_t offset;    /* of its first byte in the source */
    uint32_t width, height;
    uint8_t kind;       /* rk_band */
    uint8_t most;       /* bit-planes that it may have */
    bool causal;
    uint8_t roi;        /* shift to be taken back, 0: none */
    uint8_t plane;      /* of the last cleanup pass */
    uint8_t refines;    /* passes behind that, of the plane below */
    /* what the kernel made of it: rows without gaps */
    uint8_t format;     /* rk_coef */
    void *values;
    uint64_t peak;
} rk_j2k_recode_job;

typedef struct rk_j2k_recode_queue {
    rk_j2k_recode_job *jobs; /* [0, t1_count) from t1, [ROOM, ROOM + ht_count) from ht */
    rk_t1_block *t1;
    rk_ht_block *ht;
    rk_ht_encode_block *to_ht;
    rk_t1_source *to_t1;
    rk_t1_end *ends;         /* RK_T1_PASSES for each */
    size_t t1_count, ht_count;
    uint8_t *values;         /* ROOM blocks of RK_BLOCK_AREA int32_t for each kind */
    uint32_t longest;        /* bytes of any segment, at most */
} rk_j2k_recode_queue;

typedef struct rk_j2k_recoder {
    rk_j2k_stream *stream;
    rk_j2k_recoding task;
    rk_j2k_tile *tiles;      /* by number, as far as they were opened */
    uint32_t opened;
    rk_j2k_writing writing;
    rk_j2k_arena arena;      /* until close */
    rk_j2k_arena bytes;      /* of the present batch */
    rk_t1_table t1;
    rk_ht_table ht;
    rk_t1_encode_table to_t1;
    rk_ht_encode_table to_ht;
    rk_j2k_recode_queue queue;
    uint64_t size, blocks;   /* bytes of all blocks, and their number */
    uint64_t cut;            /* blocks of the source that end above bit-plane 0 */
    uint64_t fitted;         /* bytes of the codestream that was chosen, 0: none was */
    uint64_t steps;          /* in which blocks that are kept can be taken */
    rk_j2k_own *own;         /* of the layout */
} rk_j2k_recoder;

/*
 * Reads the packets of a stream that was read strictly, which stays with the caller; `r` must be closed,
 * whatever is returned. RK_UNSUPPORTED, with the rule that says what, is for what cannot be laid out.
 */
RK_MUST_CHECK rk_status rk_j2k_recoder_open(rk_j2k_recoder *r, rk_j2k_stream *s,
                                            const rk_j2k_recoding *task);
/* Codes all blocks, once. */
RK_MUST_CHECK rk_status rk_j2k_recoder_run(rk_j2k_recoder *r);
/*
 * Chooses what of the blocks makes the best picture in a codestream of at most `room` bytes; after a run
 * with `keep`. *least is what the lowest resolution takes alone: if that is above `room`, nothing is chosen.
 */
RK_MUST_CHECK rk_status rk_j2k_recoder_fit(rk_j2k_recoder *r, uint64_t room, uint64_t *least);
/* About the bytes that rk_j2k_write takes after that. */
uint64_t rk_j2k_recoder_estimate(const rk_j2k_recoder *r);
void rk_j2k_recoder_close(rk_j2k_recoder *r);

/* recode_layout.c: the layout of the source, as that of the result. */
RK_MUST_CHECK rk_status rk_j2k_recode_layout(rk_j2k_recoder *r, rk_j2k_layout *layout);
/* Says that there are no more than so many layers. */
void rk_j2k_recode_layers(rk_j2k_recoder *r, uint16_t layers);

/* recode_blocks.c: memory of the queue; one block; all that wait. `job` has what is known of the result. */
RK_MUST_CHECK rk_status rk_j2k_recode_ready(rk_j2k_recoder *r);
RK_MUST_CHECK rk_status rk_j2k_recode_block(rk_j2k_recoder *r, const rk_j2k_tilecomp *c,
                                            const rk_j2k_band *band, const rk_j2k_block *block,
                                            rk_j2k_recode_job job);
RK_MUST_CHECK rk_status rk_j2k_recode_flush(rk_j2k_recoder *r);

/* recode_cuts.c: bits that a bit-plane takes of each coefficient, by the share 2^-k of them that is not
 * 0 and by what their deviation is over its unit. */
enum { RK_J2K_CUTS = 96, RK_J2K_SHARES = 14 };
typedef struct rk_j2k_cuts {
    float bits[RK_J2K_SHARES][RK_J2K_CUTS];
} rk_j2k_cuts;
void rk_j2k_cuts_fill(rk_j2k_cuts *cuts);
/*
 * Where an MQ segment may be cut behind the cleanup pass of each plane but the last: ends[k] bytes should
 * hold 3 k + 1 passes; 0: nowhere. Returns how many there are, below RK_J2K_CUTS.
 */
size_t rk_j2k_cuts_of(const rk_j2k_cuts *cuts, uint32_t samples, uint32_t size, unsigned passes,
                      uint32_t *ends);

/* recode_region.c: whether the shift of a component is taken back; does so for a block. */
bool rk_j2k_recode_unshifts(const rk_j2k_recoder *r, const rk_j2k_coding *coding);
RK_MUST_CHECK rk_status rk_j2k_recode_unshift(rk_j2k_recode_job *job);

/* recode_encode.c: the blocks of n jobs whose values are there, at most RK_J2K_RECODE_ROOM. */
RK_MUST_CHECK rk_status rk_j2k_recode_encode(rk_j2k_recoder *r, const rk_j2k_recode_job *jobs, size_t n);
/* Keeps the bytes of a block. */
RK_MUST_CHECK rk_status rk_j2k_recode_keep(rk_j2k_recoder *r, const rk_j2k_recode_job *job,
                                           rk_j2k_coded coded, const uint8_t *first,
                                           const uint8_t *second);

/* recode_refine.c: room that SigProp and MagRef of any block have (T.814 7.1.1). */
#define RK_J2K_REFINE_ROOM RK_HT_REFINE_MAX
/*
 * The segment of SigProp (passes 1) or SigProp and MagRef (2) of plane job->plane - 1; returns its size, 0 if
 * the passes would code nothing.
 */
size_t rk_j2k_recode_refine(const rk_j2k_recode_job *job, bool causal, uint8_t *out);

#endif /* RK_J2K_RECODE_H */
