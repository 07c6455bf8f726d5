/* tests/kernels/checkkernel_run.h: what the frame's own files share; stages do not see it. */
#ifndef CHECKKERNEL_RUN_H
#define CHECKKERNEL_RUN_H

#include "checkkernel.h"

enum { SLOTS = 16, GUARD = 64, ALIGNMENTS = 32 };
enum { AT_END = ALIGNMENTS, AT_START, PLACES };
enum { RANDOM, ZERO, ONES, ONE_BIT, ALTERNATING, EXTREMES, SPARSE, PATTERNS };

typedef struct slot {
    uint8_t *map; /* first byte after the lower fence */
    size_t capacity;
    uint8_t *data;
    size_t bytes;
    uint8_t *kept; /* copy of an input, or NULL for an output */
} slot;

struct ck_run {
    uint64_t seed, state, out_seed;
    const char *stage, *member, *isa;
    size_t n;
    int place, pattern;
    slot slots[SLOTS];
    int used;
    bool failed; /* in this member */
    bool full;   /* all patterns at all sizes and alignments */
    /* timing */
    size_t time_n;
    uint64_t round_start, best, total;
    int rounds;
};

uint64_t ck_mix(uint64_t *state);
void ck_fail(ck_run *run, const char *what, ...);

/* Ends a case: verifies guards and inputs of all its buffers. */
void ck_release(ck_run *run);

#endif /* CHECKKERNEL_RUN_H */
