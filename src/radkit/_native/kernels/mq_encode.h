/* kernels/mq_encode.h: the MQ encoder and its code strings (T.800 annex C), for t1_encode*.c only. */
#ifndef RK_KERNELS_MQ_ENCODE_H
#define RK_KERNELS_MQ_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mq.h"

/*
 * A code string is a binary fraction. ENCODE of T.800 C.2 adds to its end and shifts it; here carries go
 * into the bits before, wherever these are, and only the finished string is made into bytes, with a
 * stuffed 0 behind each FF. BYTEOUT of the standard leaves some carries in stuffed bits instead, which
 * is the same number to a decoder.
 *
 * Bits 0 to 14 of `c` and all of `a` are C and A of the standard. The `pending` bits above are those
 * that C has lost by shifts and that are not in `string` yet, above them is room for a carry. The first
 * bit of the string is bit 14 of C before any shift. Plain bits (T.800 D.6) use bit 15 and up as well.
 */
typedef struct rk_mq_encoder {
    uint64_t c;
    uint32_t a;
    uint32_t pending;
    uint8_t *string, *at, *limit; /* `at` does not go beyond limit: what then comes is lost */
    uint8_t state[RK_MQ_CONTEXTS + 1]; /* 2 * index + MPS */
    bool raw;
} rk_mq_encoder;

enum {
    RK_MQ_WRITE = 32, /* so many pending bits are enough to write 24 of them; 8 stay for carries to end in */
    RK_MQ_SLACK = 16  /* bytes behind `limit` that may be written */
};

/* A pass end. What a decoder reads must be below `upper`, which is C + A (modulo 2^32) at bit `bits`. */
typedef struct rk_mq_point {
    size_t bits;
    uint32_t upper;
} rk_mq_point;

/* All contexts as in T.800 table D.7. */
void rk_mq_encode_reset(rk_mq_encoder *m);

/* Begins a segment: INITENC, or plain bits. Contexts stay. */
void rk_mq_encode_start(rk_mq_encoder *m, bool raw);

/* Writes 24 of the pending bits. */
void rk_mq_encode_write(rk_mq_encoder *m);

/* The present end of the string. */
rk_mq_point rk_mq_encode_point(const rk_mq_encoder *m);

/* Bits that would be lost if one ended here: a measure of what was spent. */
static inline size_t rk_mq_encode_bits(const rk_mq_encoder *m)
{
    return 8 * (size_t)(m->at - m->string) + m->pending;
}

/* True if the string did not fit. */
static inline bool rk_mq_encode_full(const rk_mq_encoder *m)
{
    return m->at >= m->limit;
}

/*
 * Ends a segment and writes its bytes. lengths[i] is the least number of bytes after which a decoder, fed
 * with ones, decodes all up to points[i]; the last is that of the segment. `predictable` ends as
 * T.800 D.4.2 wants it. False if `capacity` bytes do not do; no more are written.
 */
bool rk_mq_encode_finish(rk_mq_encoder *m, const rk_mq_point *points, size_t count, bool predictable,
                         uint8_t *out, size_t capacity, uint32_t *lengths);

/* ENCODE for one symbol, the reference. */
void rk_mq_encode_symbol(rk_mq_encoder *m, unsigned context, unsigned bit);

/* One plain bit. */
static inline void rk_mq_encode_plain(rk_mq_encoder *m, unsigned bit)
{
    m->c = m->c << 1 | (uint64_t)bit << 15;
    if (++m->pending >= RK_MQ_WRITE)
        rk_mq_encode_write(m);
}

#if defined(__x86_64__) || defined(_M_X64)
/*
 * Lists of symbols: a byte is 2 * context + bit, or RK_MQ_HIT + row for a run that ends in this row (1 in
 * RK_MQ_RUN and two bits in RK_MQ_UNIFORM), or RK_MQ_RUNS + n for n zeros in RK_MQ_RUN.
 */
#define RK_MQ_HIT 40
#define RK_MQ_RUNS 64
#define RK_MQ_RUNS_MOST (127 + RK_MQ_HIT - RK_MQ_RUNS)
#define RK_MQ_LISTS 4

enum {
    RK_MQ_CHUNK = 128, /* symbols of each list that are put side by side at once */
    RK_MQ_STATES = 20
};

/* What several lists need: the steps from state to state for all, states and symbols for a call. */
typedef struct rk_mq_gang {
    /* By context: where in `steps` the rows of 0 and 1 begin, in bytes, 16 bits each. */
    uint32_t states[RK_MQ_LISTS][RK_MQ_STATES];
    uint32_t steps[4 * RK_MQ_ROWS][4];
    _Alignas(16) uint8_t symbols[RK_MQ_LISTS * RK_MQ_CHUNK];
} rk_mq_gang;

void rk_mq_gang_open(rk_mq_gang *g);

void rk_mq_encode_list_avx2(rk_mq_gang *g, rk_mq_encoder *m, const uint8_t *list, size_t n);

/* n bytes of each of several lists, which takes less time than one after the other. */
void rk_mq_encode_lists_avx2(rk_mq_gang *g, rk_mq_encoder *const m[RK_MQ_LISTS],
                             const uint8_t *const lists[RK_MQ_LISTS], size_t n);
#endif

#endif /* RK_KERNELS_MQ_ENCODE_H */
