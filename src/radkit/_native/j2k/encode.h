/*
 * j2k/encode.h: samples to the coded blocks of a codestream (T.800, T.814).
 *
 *     open    tiles and blocks of the layout
 *     run     samples -> component transform -> wavelet -> quantisation -> block coder
 *     write   write.h, as often as wanted
 *     close
 *
 * Rows go through the wavelet one by one. Without `keep`, coefficients are coded as soon as a row of
 * code-blocks is complete, so that they never leave the cache; with it they stay until close,
 * and run may be called again with another step.
 */
#ifndef RK_J2K_ENCODE_H
#define RK_J2K_ENCODE_H

#include "kernels/dwt53.h"
#include "kernels/dwt97.h"
#include "kernels/ht_encode.h"
#include "kernels/ht_encode_size.h"
#include "kernels/mct.h"
#include "kernels/samples.h"
#include "kernels/t1_encode.h"
#include "write.h"

/*
 * Largest absolute sample of a level whose 5/3 transform int16_t or int32_t holds. If p is that,
 * the high rows are at most 2 p, the samples of HH 4 p, and the sums of two of these 8 p + 6.
 */
#define RK_J2K_PEAK_INT16 4093
#define RK_J2K_PEAK_INT32 268435453

/* The samples of a component in the caller's array. */
typedef struct rk_j2k_source {
    const uint8_t *data;
    size_t pitch;  /* bytes from row to row */
    size_t stride; /* samples from column to column */
} rk_j2k_source;

typedef struct rk_j2k_task {
    rk_j2k_layout layout;  /* quant is set by the encoder */
    const rk_j2k_source *sources;
    uint8_t bits;          /* of an element of the array: 8, 16, 32 */
    bool sign;             /* of an element */
    int64_t low, high;     /* no sample is below or above */
    bool keep;
    bool rated;            /* measure what each pass gains (Part 1 only), for rk_j2k_cut_layers */
    uint32_t cpu;
    size_t memory;         /* bytes that may be taken */
} rk_j2k_task;

/* Bytes of blocks, in pieces that stay where they are. */
typedef struct rk_j2k_hunk {
    struct rk_j2k_hunk *next;
    size_t size, used;
} rk_j2k_hunk;

typedef struct rk_j2k_tables {
    rk_samples_table samples;
    rk_mct_table mct;
    rk_dwt53_table dwt53;
    rk_dwt97_table dwt97;
    rk_ht_encode_table ht;
    rk_t1_encode_table t1;
} rk_j2k_tables;

/* Coefficients of a band, of a row of blocks or (keep) of all. */
typedef struct rk_j2k_strip {
    void *data;
    size_t stride, bytes; /* stride in coefficients */
} rk_j2k_strip;

/* A block of Part 1 whose bytes may be cut: what is known after each pass. */
typedef struct rk_j2k_rated {
    struct rk_j2k_rated *next;
    rk_j2k_coded *block;
    const rk_t1_end *ends;
    uint32_t passes;
} rk_j2k_rated;

enum { RK_J2K_QUEUE = 64 };

/* Blocks that wait for the block coder, and where they end up; one of the two arrays is there. */
typedef struct rk_j2k_queue {
    rk_ht_encode_block *ht;
    rk_t1_source *t1;
    rk_t1_end *ends; /* RK_T1_PASSES for each block of t1 */
    rk_j2k_coded *to[RK_J2K_QUEUE];
    uint8_t *planes[RK_J2K_QUEUE]; /* most planes seen in the band */
    size_t count;
    uint8_t *stage; /* RK_J2K_QUEUE slots of slot_size */
    size_t slot_size;
    void *work;
} rk_j2k_queue;

typedef struct rk_j2k_encoder {
    rk_j2k_task task;
    rk_j2k_writing writing;
    rk_j2k_budget budget;
    rk_j2k_arena arena;    /* until close */
    rk_j2k_tables tables;
    rk_dwt_filter filter;
    rk_dwt_type type;      /* of coefficients */
    rk_j2k_hunk *hunks, *hunk;
    rk_j2k_queue *queue;
    int32_t shift;         /* taken off the samples when they are loaded */
    int32_t fix;           /* what LL of the first component (all, without MCT) lacks then */
    double step;           /* 0: reversible */
    float deltas[RK_J2K_STEPS_MAX]; /* steps of the bands as QCD says them */
    uint8_t planes[RK_J2K_STEPS_MAX]; /* most magnitude bit-planes found, by band */
    double last_slope;     /* gain per byte at which the last layer that had a target was cut */
    rk_j2k_rated *rated;
    uint64_t bytes, blocks; /* of all blocks, and their number */
    uint64_t most;         /* bytes of blocks after which a run ends with RK_J2K_ENOUGH; 0: none */
    struct rk_j2k_pass **passes; /* by tile: coefficients that are kept, or NULL */
    bool wide;             /* 16 bits do not hold the coefficients: another run is needed */
    rk_ht_counts counts;   /* of kept coefficients, or nothing yet */
} rk_j2k_encoder;

RK_MUST_CHECK rk_status rk_j2k_encoder_open(rk_j2k_encoder *e, const rk_j2k_task *task);
/* step: of the quantiser, in units of samples, as the norm of its error; 0 is reversible. */
RK_MUST_CHECK rk_status rk_j2k_encoder_run(rk_j2k_encoder *e, double step);
/*
 * The step at which HT blocks make a codestream of about so many bytes, and the bytes at a step, by a
 * model (ht_encode_size.h): mostly within 3 %. Needs `keep`; the coefficients that it transforms stay for runs.
 */
RK_MUST_CHECK rk_status rk_j2k_encoder_step_for(rk_j2k_encoder *e, uint64_t bytes, double *step);
/* About the squared error of all samples together at a step, before they are rounded; needs `keep`. */
RK_MUST_CHECK rk_status rk_j2k_encoder_squares_at(rk_j2k_encoder *e, double step,
                                                  double *squares);
RK_MUST_CHECK rk_status rk_j2k_encoder_bytes_at(rk_j2k_encoder *e, double step, double *bytes);
void rk_j2k_encoder_close(rk_j2k_encoder *e);
/* About the bytes that rk_j2k_write takes after a run, seldom less. */
uint64_t rk_j2k_encoder_estimate(const rk_j2k_encoder *e);

/*
 * encode_rate.c: after a run with `rated`, cuts the blocks so that the codestream of the layers up to
 * each one takes at most that many bytes; UINT64_MAX: all passes. Targets do not fall. One that
 * cannot be met leaves the layer empty. May be repeated.
 */
RK_MUST_CHECK rk_status rk_j2k_cut_layers(rk_j2k_encoder *e, const uint64_t *targets);

/* encode_quant.c: L2 norm of what one unit in a band of a level becomes; level 0: no wavelet. */
double rk_j2k_band_norm(bool reversible, unsigned level, unsigned kind);
/* Gain of a unit squared of a band of resolution r, as the squared error of the picture. */
double rk_j2k_weight(const rk_j2k_encoder *e, unsigned comp, unsigned r, unsigned kind);
/* Sets layout.quant and deltas for a step; what to raise after a run. */
void rk_j2k_set_steps(rk_j2k_encoder *e, double step);
RK_MUST_CHECK rk_status rk_j2k_raise_guard(rk_j2k_encoder *e);

/* encode_error.c: squared error of kept coefficients with the present steps. */
double rk_j2k_squares(const rk_j2k_encoder *e);

/* encode_rows.c: all of a tile through the wavelet. */
RK_MUST_CHECK rk_status rk_j2k_encode_tile(rk_j2k_encoder *e, uint32_t number);
/* Only the irreversible transform of a tile, if that was not done before; and what it left of a band. */
RK_MUST_CHECK rk_status rk_j2k_keep_tile(rk_j2k_encoder *e, uint32_t number);
const rk_j2k_strip *rk_j2k_kept_strip(const rk_j2k_encoder *e, uint32_t number, unsigned comp,
                                      unsigned r, unsigned band);

/* encode_size.c: fills in `counts` from tiles that are kept, with deltas of a step of 1. */
RK_MUST_CHECK rk_status rk_j2k_count(rk_j2k_encoder *e);

/* encode_blocks.c: rows y0 to y1 of a band (absolute, of one row of blocks), first at `data`. */
RK_MUST_CHECK rk_status rk_j2k_queue_open(rk_j2k_encoder *e);
RK_MUST_CHECK rk_status rk_j2k_queue_rows(rk_j2k_encoder *e, rk_j2k_outres *res, unsigned r,
                                          unsigned comp, unsigned band, uint32_t y0,
                                          uint32_t y1, const void *data, size_t stride,
                                          rk_coef format);
RK_MUST_CHECK rk_status rk_j2k_queue_flush(rk_j2k_encoder *e);

#endif /* RK_J2K_ENCODE_H */
