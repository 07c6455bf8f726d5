/*
 * fuzz/native/j2k_run.h: one decoding of a codestream as an option string asks for it.
 *
 * Every output is a buffer of its exact size. Limits are small, so that an input costs
 * milliseconds; RK_INTERNAL, a row outside its place or a report that cannot be is a finding.
 */
#ifndef RK_FUZZ_J2K_RUN_H
#define RK_FUZZ_J2K_RUN_H

#include "j2k/decode.h"

/* Option bytes at the end of an input: see rk_fuzz_j2k_options. */
#define RK_FUZZ_J2K_OPTIONS 8
#define RK_FUZZ_J2K_COMPS 64 /* components that are asked for at most */

typedef struct rk_fuzz_j2k_wish {
    unsigned reduce;    /* taken modulo what the stream has */
    uint32_t layers;
    uint64_t comps;     /* by bit; 0: all */
    bool raw;           /* leave the component transform alone */
    bool together;      /* samples of a pixel side by side, where grids allow it */
    unsigned spare;     /* steps of output size above the smallest that holds a sample */
    bool cropped;
    uint8_t crop[4];    /* left, top, right, bottom of the area in 256ths */
    unsigned threads;   /* at most */
    bool strict;
    uint32_t cpu;
    uint8_t fill;       /* of the outputs beforehand */
} rk_fuzz_j2k_wish;

typedef struct rk_fuzz_j2k_picture {
    rk_status status;      /* RK_OK, and outputs there are, or not */
    bool decoded;          /* it came as far as the packets */
    rk_j2k_report report;
    bool exact;            /* all components are reversible */
    double sound;
    size_t end;            /* of the codestream */
    uint32_t x0, y0, x1, y1;
    unsigned reduce, bits; /* what was asked for in the end */
    uint32_t count;
    uint32_t comps[RK_FUZZ_J2K_COMPS];
    rk_j2k_rect rects[RK_FUZZ_J2K_COMPS];
    uint8_t *room[RK_FUZZ_J2K_COMPS]; /* of each, or of all in the first */
    size_t size[RK_FUZZ_J2K_COMPS];
} rk_fuzz_j2k_picture;

/* Limits of the targets. */
rk_j2k_limits rk_fuzz_j2k_small(void);

/* What the option bytes say; `strict`, `cpu` and `fill` are the target's. */
rk_fuzz_j2k_wish rk_fuzz_j2k_options(const uint8_t *option);

/* Decodes data[0, size). The picture is to be freed, whatever came of it. */
void rk_fuzz_j2k_decode(rk_fuzz_j2k_picture *p, const uint8_t *data, size_t size,
                        const rk_fuzz_j2k_wish *wish, const rk_j2k_limits *limits);
void rk_fuzz_j2k_free(rk_fuzz_j2k_picture *p);

/* The same status, and the same samples if there are any. */
bool rk_fuzz_j2k_same(const rk_fuzz_j2k_picture *a, const rk_fuzz_j2k_picture *b);

/* The codestream in data[0, size): the data themselves, or what a JP2 or JPH file holds. */
size_t rk_fuzz_j2k_start(const uint8_t *data, size_t size);

#endif /* RK_FUZZ_J2K_RUN_H */
