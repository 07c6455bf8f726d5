/*
 * kernels/ht_avx2.h: the parts of the AVX2 variant of ht.h, for them only.
 *
 *   ht_bits_avx2.c    takes the stuffing out of the three streams of a cleanup segment
 *   ht_quads_avx2.c   rho, e_k, e_1, u of all quads: MEL and VLC, eight blocks side by side in the
 *                     lanes of a vector and up to four such batches in turn
 *   ht_alone_avx2.c   the same of one block, or of a few whose steps are taken in turn
 *   ht_values_avx2.c  exponent bounds and MagSgn, a quad-row of a block at a time
 *   ht_avx2.c         which blocks go which way
 * and ht_refine.c, plain C, for the refinement passes.
 */
#ifndef RK_KERNELS_HT_AVX2_H
#define RK_KERNELS_HT_AVX2_H

#include <string.h>

#include "ht_work.h"

/* u-VLC by three bits: 0-2 length of the prefix, 3-5 of the suffix, 8-12 mask of the suffix, 16-18
 * value of the prefix, 24-27 both lengths. */
#define RK_HT_U_CODE(prefix, suffix, value)                                                  \
    ((prefix) | (suffix) << 3 | ((1 << (suffix)) - 1) << 8 | (value) << 16 | ((prefix) + (suffix)) << 24)
#define RK_HT_U_CODES                                                                        \
    RK_HT_U_CODE(3, 5, 5), RK_HT_U_CODE(1, 0, 1), RK_HT_U_CODE(2, 0, 2), RK_HT_U_CODE(1, 0, 1), \
        RK_HT_U_CODE(3, 1, 3), RK_HT_U_CODE(1, 0, 1), RK_HT_U_CODE(2, 0, 2), RK_HT_U_CODE(1, 0, 1)

enum { /* of a record: u_off, and what it hands to the right in the first row, and in others */
    RK_HT_U_OFF = 0x40,
    RK_HT_FIRST_CONTEXT = 0x700,
    RK_HT_OTHER_CONTEXT = 0x200
};

enum {
    RK_HT_LANES = 8,
    RK_HT_BATCHES = 4,
    RK_HT_GROUP = RK_HT_LANES * RK_HT_BATCHES, /* blocks that are decoded side by side */
    RK_HT_FEW = 4, /* blocks that go next to each other without vectors, at most */
    RK_HT_GROUP_QUADS = 32,                    /* in a row of those, and rows, at most */
    RK_HT_ROW_QUADS = 512,
    /* Quads of a block, the most (5 x 819 samples). */
    RK_HT_QUADS = 1230,
    /* MagSgn bits: 4 samples of up to 31 bits a quad; and ones behind them. */
    RK_HT_MAGSGN = RK_HT_QUADS * 4 * 31 / 8 + 32 + 192,
    /* VLC bits: 16 bits of Scup less; and zeros behind them, as far as a row of a group may read
     * (16 pairs of 38 bits), or all pairs of a block alone (7 + 7 + 2 * 12 bits, one pair too many a row). */
    RK_HT_VLC = 4080,
    RK_HT_VLC_GROUP = RK_HT_VLC + 144,
    RK_HT_VLC_ALONE = RK_HT_VLC + 1230 * 38 / 8 + 32
};

/*
 * Record of a quad: bits 0-5 length of its code word, 6 u_off, 8-10 what it adds to the context
 * of the next one, 12-15 rho, 16-19 e_k, 20-23 e_1, 24-29 u, 31 a MEL event was read. u is not right
 * if it is above 32, but then above 32 as well: more than any block may have whose U count here.
 */
typedef uint32_t rk_ht_record;

/* MEL events as bits, as far as they were asked for. */
typedef struct rk_ht_events {
    const uint8_t *at, *end;
    uint64_t held;
    unsigned bits, before, k, n;
    uint64_t events[36]; /* 1230 quads, 256 pairs of the first row, and a step ahead */
} rk_ht_events;

/* A block that goes alone, or next to two or three others. */
typedef struct rk_ht_alone {
    _Alignas(32) uint8_t vlc[RK_HT_VLC_ALONE + 64];
    rk_ht_record records[8 + RK_HT_ROW_QUADS + 16]; /* of a row, from 8 on; zeros around */
    uint32_t above[RK_HT_ROW_QUADS + 16];           /* context bits from the row above */
    rk_ht_events mel;
    unsigned used; /* events */
    size_t at;     /* VLC bits */
} rk_ht_alone;

/* Eight blocks side by side. */
typedef struct rk_ht_batch {
    _Alignas(32) uint8_t vlc[RK_HT_LANES][RK_HT_VLC_GROUP];
    _Alignas(32) rk_ht_record row[RK_HT_GROUP_QUADS + 2][RK_HT_LANES];
    _Alignas(32) uint32_t above[RK_HT_GROUP_QUADS][RK_HT_LANES];
    _Alignas(32) uint32_t used[RK_HT_LANES], end[RK_HT_LANES]; /* events; VLC bits */
    rk_ht_events mel[RK_HT_LANES];
} rk_ht_batch;

typedef struct rk_ht_lookups {
    _Alignas(32) uint32_t tables[2][8 * 256]; /* first row, others: context, event, 7 bits */
} rk_ht_lookups;

/* What one pass over 8 quads of a row hands to the next. */
typedef struct rk_ht_eight {
    _Alignas(32) uint64_t masks[8], bits[8]; /* of the four samples of a quad, 16 bits each */
    uint16_t fields[2][16];                  /* rho, e_k, e_1, U of the quad of each sample */
    uint32_t byte[8], bit[8];                /* where the quads begin */
} rk_ht_eight;

/* MagSgn of one block. */
typedef struct rk_ht_values {
    _Alignas(32) uint8_t bits[64 + RK_HT_MAGSGN + 64]; /* from 64 on */
    /* 2 mu - 1 of the lower samples of the row above, and of this one; from 16 on */
    _Alignas(32) uint16_t narrow[2][16 + 2 * RK_HT_ROW_QUADS + 48];
    _Alignas(32) uint32_t wide[2][16 + 2 * RK_HT_ROW_QUADS + 48];
    rk_ht_eight eights[RK_HT_ROW_QUADS / 8];
    _Alignas(32) uint32_t fields[RK_HT_ROW_QUADS + 8], byte[RK_HT_ROW_QUADS + 8];
    uint32_t end;      /* where the rows end, a multiple of 16 */
    unsigned turn;     /* which of the two is the row above */
    bool is_wide;
    uint32_t at, ones; /* bit position; from `ones` on there are only ones */
} rk_ht_values;

typedef struct rk_ht_state {
    rk_ht_lookups lookups;
    rk_ht_alone alone[RK_HT_FEW];
    rk_ht_values values;
    rk_ht_refinement refinement;
    rk_ht_batch batches[RK_HT_BATCHES];
    _Alignas(32) rk_ht_record records[RK_HT_GROUP][RK_HT_GROUP_QUADS * RK_HT_GROUP_QUADS];
} rk_ht_state;

_Static_assert(sizeof(rk_ht_state) <= RK_HT_STATE, "the state of this variant");

/* Bytes of the suffix (MEL and VLC) of a cleanup segment that rk_ht_refused has not refused. */
static inline size_t rk_ht_suffix(const rk_ht_block *b)
{
    const uint8_t *end = b->cleanup + b->cleanup_size;
    return (size_t)end[-1] << 4 | (end[-2] & 15);
}

/* MagSgn bits without stuffing, and ones behind them; returns the bit from which on there are ones. */
uint32_t rk_ht_forward_avx2(uint8_t *dst, const uint8_t *src, size_t size);

/*
 * VLC bits without stuffing. `last` is the byte whose upper half comes first; `size` bytes before
 * it belong to the stream. At least 128 zero bytes follow; returns the bytes before them.
 */
size_t rk_ht_backward_avx2(uint8_t *dst, const uint8_t *last, size_t size);

void rk_ht_events_start(rk_ht_events *m, const rk_ht_block *b);

/* At least `want` events in all; never more than 32 beyond that. */
void rk_ht_events_more(rk_ht_events *m, unsigned want);

/* Events from `used` on, of which `want` <= 56 are right. */
static inline uint64_t rk_ht_events_at(rk_ht_events *m, unsigned used, unsigned want)
{
    uint64_t v;
    rk_ht_events_more(m, used + want);
    memcpy(&v, (const uint8_t *)m->events + (used >> 3), 8);
    return v >> (used & 7);
}

void rk_ht_lookups_make(rk_ht_lookups *l);

/* `rows` will be asked for, of which the block may have fewer. */
void rk_ht_alone_start(rk_ht_alone *a, const rk_ht_block *b, uint32_t rows);

/* The records of the next row of n <= RK_HT_FEW blocks of `quads`, to a[i].records + 8. */
void rk_ht_alone_row(rk_ht_alone *a, size_t n, const rk_ht_lookups *l, uint32_t row, uint32_t quads);

/* The records of all rows of n <= RK_HT_GROUP blocks, to s->records[i][32 * row + quad]. All have the
 * same even number of quads in a row, at most 32, and at most 32 rows. */
void rk_ht_group_avx2(rk_ht_state *s, const rk_ht_block *const *blocks, size_t n);

void rk_ht_values_start(rk_ht_values *v, const rk_ht_block *b);

/*
 * The values of one row to b->out; records of the row, zeros up to a multiple of 8. Returns 0,
 * RK_BLOCK_DAMAGED or RK_BLOCK_WIDE, or RK_HT_TOO_WIDE if the reference has to do the block.
 */
#define RK_HT_TOO_WIDE 0x80000000u
uint32_t rk_ht_values_row_avx2(rk_ht_values *v, const rk_ht_block *b, const rk_ht_record *records,
                               uint32_t row);

#endif /* RK_KERNELS_HT_AVX2_H */
