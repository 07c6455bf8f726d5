/* j2k/decode.h: from the packets of a codestream to samples in the caller's array. */
#ifndef RK_J2K_DECODE_H
#define RK_J2K_DECODE_H

#include "kernels/dwt53.h"
#include "kernels/dwt97.h"
#include "kernels/ht.h"
#include "kernels/mct.h"
#include "kernels/quant.h"
#include "kernels/t1.h"
#include "tile.h"

typedef struct rk_j2k_kernels {
    rk_t1_table t1;
    rk_ht_table ht;
    rk_dwt53_table dwt53;
    rk_dwt97_table dwt97;
    rk_mct_table mct;
    rk_quant_table quant;
} rk_j2k_kernels;

/* Where the samples of a component go. */
typedef struct rk_j2k_output {
    uint32_t comp;
    uint8_t *data;  /* its first sample */
    size_t pitch;   /* bytes from row to row */
    size_t stride;  /* samples from column to column */
} rk_j2k_output;

typedef struct rk_j2k_request {
    unsigned reduce;
    uint32_t layers;
    rk_j2k_rect area;  /* on the reference grid, inside the image area */
    bool transform;    /* undo the component transform */
    unsigned bits;     /* of a stored sample: 8, 16 or 32 */
    const rk_j2k_output *outputs;
    size_t count;
    unsigned threads; /* at most; 0 is 1 */
} rk_j2k_request;

/* What came of it, if not strict. */
typedef struct rk_j2k_report {
    uint64_t blocks, damaged;           /* code-blocks that matter */
    uint64_t packets, missing;          /* packets that matter */
    rk_status fault;                    /* the first */
} rk_j2k_report;

/* Bytes of a coefficient by rk_dwt_type. */
static const uint8_t rk_j2k_size_of[] = {
    [RK_DWT_INT16] = 2,
    [RK_DWT_INT32] = 4,
    [RK_DWT_INT64] = 8,
    [RK_DWT_FLOAT] = 4,
};

typedef struct rk_j2k_painter {
    rk_j2k_stream *stream;
    const rk_j2k_request *request;
    rk_j2k_kernels kernels;
} rk_j2k_painter;

/* The part of an image that a component has after `reduce` halvings. */
rk_j2k_rect rk_j2k_output_rect(const rk_j2k_stream *s, uint32_t comp,
                               const rk_j2k_request *request);

/* Decodes what is asked for, tile by tile. With strict streams the first fault ends it. */
RK_MUST_CHECK rk_status rk_j2k_decode(rk_j2k_stream *s, const rk_j2k_request *request,
                                      rk_j2k_report *report, uint32_t cpu);

/* The part of a rectangle of the reference grid that a component has after `reduce` halvings. */
rk_j2k_rect rk_j2k_reduced(rk_j2k_rect r, const rk_j2k_component *c, unsigned reduce);

#endif /* RK_J2K_DECODE_H */
