/*
 * kernels/t1.c: reference of the Part 1 code-block decoder (T.800 annex C.3, annex D), sample by
 * sample in the order of its flow charts, and the table of variants.
 */
#include "t1.h"

#include <string.h>

#include "coef.h"
#include "cpu.h"
#include "mq.h"
#include "t1_work.h"

/* Flags of a sample. */
enum { SIGNIFICANT = 1, NEGATIVE = 2, VISITED = 4, REFINED = 8 };

/* Flags of a block have a border of one sample; w * h <= 4096 makes 1026 * 6 the most. */
enum { FLAGS = (RK_BLOCK_SIDE + 2) * (RK_BLOCK_AREA / RK_BLOCK_SIDE + 2) };

typedef enum pass_kind { SIGNIFICANCE, REFINEMENT, CLEANUP } pass_kind;

/* A code string and where it is read; from `end` on there are ones. */
typedef struct bit_source {
    const uint8_t *bits;
    size_t at, end; /* in bits */
    bool spent;     /* ones were taken behind the end */
} bit_source;

typedef struct decoder {
    uint64_t magnitude[RK_BLOCK_AREA];
    uint8_t lowest[RK_BLOCK_AREA]; /* bit-plane in which a sample was coded last */
    uint8_t flags[FLAGS];
    uint8_t zero_context[256]; /* of this band, by the neighbour bits W E N S NW NE SW SE */
    uint8_t index[RK_MQ_CONTEXTS], mps[RK_MQ_CONTEXTS];
    bit_source source;
    uint32_t a, c; /* 16 bits each */
    bool raw;      /* the segment holds plain bits (D.6) */
    bool cut;      /* nothing is to be decoded behind its end */
    uint32_t result;
} decoder;

/* ---- MQ decoder (C.3), on a code string without stuffing ---------------------------- */

static unsigned next_bit(bit_source *s)
{
    if (s->at >= s->end) {
        s->spent = true;
        return 1;
    }
    unsigned bit = s->bits[s->at >> 3] >> (7 - (s->at & 7)) & 1;
    s->at++;
    return bit;
}

static void reset_contexts(decoder *d)
{
    for (unsigned k = 0; k < RK_MQ_CONTEXTS; k++) {
        d->index[k] = rk_mq_first(k);
        d->mps[k] = 0;
    }
}

/* INITDEC: the first 15 bits of the string, below a zero. */
static void start_mq(decoder *d)
{
    d->a = 0x8000;
    d->c = 0;
    for (int i = 0; i < 15; i++)
        d->c = d->c << 1 | next_bit(&d->source);
}

/* DECODE with MPS_EXCHANGE, LPS_EXCHANGE and RENORMD (figures C.15 to C.18). */
static unsigned decode(decoder *d, unsigned context)
{
    const rk_mq_row *row = &rk_mq_rows[d->index[context]];
    unsigned bit = d->mps[context];
    d->a -= row->qe;
    bool lower = d->c < row->qe;
    bool less_probable = lower != (d->a < row->qe);
    if (lower) {
        d->a = row->qe;
    } else {
        d->c -= row->qe;
        if (d->a & 0x8000)
            return bit;
    }
    if (less_probable) {
        bit ^= 1;
        d->mps[context] ^= row->change;
        d->index[context] = row->nlps;
    } else {
        d->index[context] = row->nmps;
    }
    while (!(d->a & 0x8000)) {
        d->a <<= 1;
        d->c = (d->c << 1 | next_bit(&d->source)) & 0xFFFF;
    }
    return bit;
}

/* ---- contexts (D.3) ----------------------------------------------------------------- */

/* Table D.1, from the numbers of significant horizontal, vertical, diagonal neighbours. */
static unsigned zero_context(unsigned band, unsigned h, unsigned v, unsigned d)
{
    if (band == RK_BAND_HH) {
        unsigned hv = h + v;
        if (d >= 3)
            return 8;
        if (d == 2)
            return hv ? 7 : 6;
        if (d == 1)
            return hv >= 2 ? 5 : 3 + hv;
        return hv >= 2 ? 2 : hv;
    }
    if (band == RK_BAND_HL) {
        unsigned swap = h;
        h = v;
        v = swap;
    }
    if (h == 2)
        return 8;
    if (h == 1)
        return v ? 7 : d ? 6 : 5;
    if (v)
        return 2 + v;
    return d >= 2 ? 2 : d;
}

/* Neighbours as bits W E N S NW NE SW SE; those below do not count if `below` is not set. */
static unsigned neighbours(const uint8_t *f, ptrdiff_t row, bool below)
{
    unsigned bits = (f[-1] & 1u) | (f[1] & 1u) << 1 | (f[-row] & 1u) << 2;
    bits |= (f[-row - 1] & 1u) << 4 | (f[-row + 1] & 1u) << 5;
    if (below)
        bits |= (f[row] & 1u) << 3 | (f[row - 1] & 1u) << 6 | (f[row + 1] & 1u) << 7;
    return bits;
}

/* -1, 0 or 1: what a neighbour adds to a sign contribution (table D.2). */
static int sign_of(uint8_t flags)
{
    return flags & SIGNIFICANT ? (flags & NEGATIVE ? -1 : 1) : 0;
}

static int clamp_one(int x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}

/* Tables D.2 and D.3. */
static unsigned decode_sign(decoder *d, const uint8_t *f, ptrdiff_t row, bool below)
{
    int h = clamp_one(sign_of(f[-1]) + sign_of(f[1]));
    int v = clamp_one(sign_of(f[-row]) + (below ? sign_of(f[row]) : 0));
    unsigned flip = h < 0 || (h == 0 && v < 0);
    if (flip) {
        h = -h;
        v = -v;
    }
    unsigned context = h ? (unsigned)(12 + v) : (unsigned)(9 + v);
    return decode(d, context) ^ flip;
}

/* ---- passes (D.4) ------------------------------------------------------------------- */

typedef struct scan {
    decoder *d;
    const rk_t1_block *b;
    pass_kind kind;
    unsigned plane;
    ptrdiff_t row; /* stride of the flags */
} scan;

static uint8_t *flags_at(const scan *s, uint32_t x, uint32_t y)
{
    return s->d->flags + ((ptrdiff_t)y + 1) * s->row + x + 1;
}

/* Does the stripe below count for row y (D.7)? */
static bool sees_below(const scan *s, uint32_t y)
{
    return !(s->b->style & RK_T1_CAUSAL && (y & 3) == 3);
}

static void becomes_significant(const scan *s, uint32_t x, uint32_t y)
{
    decoder *d = s->d;
    uint8_t *f = flags_at(s, x, y);
    size_t i = (size_t)y * s->b->width + x;
    unsigned negative = d->raw ? next_bit(&d->source) : decode_sign(d, f, s->row, sees_below(s, y));
    *f |= (uint8_t)(SIGNIFICANT | (negative ? NEGATIVE : 0));
    d->magnitude[i] = (uint64_t)1 << s->plane;
    d->lowest[i] = (uint8_t)s->plane;
}

/* Zero coding of one sample, and its sign. */
static void code_zero(const scan *s, uint32_t x, uint32_t y, unsigned around)
{
    decoder *d = s->d;
    unsigned bit = d->raw ? next_bit(&d->source) : decode(d, d->zero_context[around]);
    if (bit)
        becomes_significant(s, x, y);
}

static void refine(const scan *s, uint32_t x, uint32_t y, unsigned around)
{
    decoder *d = s->d;
    uint8_t *f = flags_at(s, x, y);
    size_t i = (size_t)y * s->b->width + x;
    unsigned context = *f & REFINED ? 16 : around ? 15 : 14; /* table D.4 */
    uint64_t bit = d->raw ? next_bit(&d->source) : decode(d, context);
    *f |= REFINED;
    d->magnitude[i] |= bit << s->plane;
    d->lowest[i] = (uint8_t)s->plane;
}

/* Cleanup: true if all four samples of a column are still to be coded with context 0 (D.4.3). */
static bool runs(const scan *s, uint32_t x, uint32_t y)
{
    if (y + 4 > s->b->height)
        return false;
    for (uint32_t k = 0; k < 4; k++) {
        const uint8_t *f = flags_at(s, x, y + k);
        if (*f & (SIGNIFICANT | VISITED) || neighbours(f, s->row, sees_below(s, y + k)))
            return false;
    }
    return true;
}

/* One column of a stripe, rows y to end. */
static void code_column(const scan *s, uint32_t x, uint32_t y, uint32_t end)
{
    decoder *d = s->d;
    if (s->kind == CLEANUP && runs(s, x, y)) {
        if (!decode(d, RK_MQ_RUN))
            return;
        y += decode(d, RK_MQ_UNIFORM) << 1;
        y += decode(d, RK_MQ_UNIFORM);
        becomes_significant(s, x, y);
        y++;
    }
    for (; y < end; y++) {
        uint8_t *f = flags_at(s, x, y);
        unsigned around = neighbours(f, s->row, sees_below(s, y));
        bool significant = *f & SIGNIFICANT, visited = *f & VISITED;
        if (s->kind == SIGNIFICANCE && !significant && around) {
            *f |= VISITED;
            code_zero(s, x, y, around);
        } else if (s->kind == REFINEMENT && significant && !visited) {
            refine(s, x, y, around);
        } else if (s->kind == CLEANUP && !significant && !visited) {
            code_zero(s, x, y, around);
        }
    }
}

/* Are there only decisions left that hang on bits which are not there? To go on by as many made-up bits
 * as the register of the MQ decoder has room for gains nothing, and may cost 0.3 dB. */
static bool is_spent(const decoder *d)
{
    return d->cut && d->source.spent;
}

static void code_pass(const scan *s)
{
    decoder *d = s->d;
    for (uint32_t y = 0; y < s->b->height; y += 4) {
        uint32_t end = s->b->height - y < 4 ? s->b->height : y + 4;
        for (uint32_t x = 0; x < s->b->width; x++) {
            if (is_spent(d))
                return;
            code_column(s, x, y, end);
        }
    }
    if (s->kind != CLEANUP)
        return;
    for (uint32_t y = 0; y < s->b->height; y++)
        for (uint32_t x = 0; x < s->b->width; x++)
            *flags_at(s, x, y) &= (uint8_t)~VISITED;
    if (s->b->style & RK_T1_SYMBOLS) { /* D.5 */
        unsigned symbol = 0;
        for (int i = 0; i < 4; i++)
            symbol = symbol << 1 | decode(d, RK_MQ_UNIFORM);
        if (symbol != 10)
            d->result |= RK_BLOCK_DAMAGED;
    }
}

/* ---- blocks ------------------------------------------------------------------------- */

static void open_segment(decoder *d, const rk_t1_segment *segment, bool raw, uint8_t *string)
{
    d->source.bits = string;
    d->source.at = 0;
    d->source.spent = false;
    d->source.end = 8 * rk_mq_unstuff(string, segment->data, segment->size, raw);
    d->raw = raw;
    if (!raw)
        start_mq(d);
}

static void code_passes(decoder *d, const rk_t1_block *b, uint8_t *string)
{
    scan s = {d, b, CLEANUP, b->planes - 1u, (ptrdiff_t)b->width + 2};
    uint32_t segment = 0, left = 0;
    for (uint32_t pass = 0; pass < b->passes; pass++) {
        /* From the fifth plane on bypass codes the first two passes of a plane in plain bits. */
        bool raw = b->style & RK_T1_BYPASS && pass >= 10 && s.kind != CLEANUP;
        if (left == 0) {
            while (segment < b->count && b->segments[segment].passes == 0)
                segment++;
            if (segment == b->count) {
                d->result |= RK_BLOCK_EXCESS;
                return;
            }
            left = b->segments[segment].passes;
            open_segment(d, &b->segments[segment++], raw, string);
            d->cut = b->cut && segment == b->count;
        }
        if (raw != d->raw) { /* a segment has one way of coding */
            d->result |= RK_BLOCK_DAMAGED;
            return;
        }
        code_pass(&s);
        if (is_spent(d))
            return;
        if (b->style & RK_T1_RESET)
            reset_contexts(d);
        left--;
        if (s.kind != CLEANUP) {
            s.kind++;
        } else if (s.plane > 0) {
            s.kind = SIGNIFICANCE;
            s.plane--;
        } else {
            if (pass + 1 < b->passes)
                d->result |= RK_BLOCK_EXCESS;
            return;
        }
    }
}

static void write_block(const decoder *d, rk_t1_block *b)
{
    for (uint32_t y = 0; y < b->height; y++)
        for (uint32_t x = 0; x < b->width; x++) {
            size_t i = (size_t)y * b->width + x, to = (size_t)y * b->stride + x;
            uint64_t size = rk_coef_size(d->magnitude[i], d->lowest[i], b->half);
            uint8_t flags = d->flags[(size_t)(y + 1) * (b->width + 2) + x + 1];
            int64_t value = flags & NEGATIVE ? -(int64_t)size : (int64_t)size;
            if (size > b->peak)
                b->peak = size;
            rk_coef_store(b->out, b->format, to, value);
        }
}

void rk_t1_decode_one(rk_t1_block *b, void *work)
{
    decoder *d = work;
    uint8_t *string = (uint8_t *)work + sizeof(decoder);
    b->peak = 0;
    b->result = 0;
    if (!rk_t1_fits(b)) {
        b->result = RK_BLOCK_WIDE;
        return;
    }
    memset(d, 0, sizeof *d);
    for (unsigned i = 0; i < 256; i++) {
        unsigned h = (i & 1) + (i >> 1 & 1), v = (i >> 2 & 1) + (i >> 3 & 1);
        unsigned diagonal = (i >> 4 & 1) + (i >> 5 & 1) + (i >> 6 & 1) + (i >> 7 & 1);
        d->zero_context[i] = (uint8_t)zero_context(b->band, h, v, diagonal);
    }
    reset_contexts(d);
    if (b->planes > 0)
        code_passes(d, b, string);
    else if (b->passes > 0)
        d->result |= RK_BLOCK_EXCESS;
    write_block(d, b);
    b->result = d->result;
}

void rk_t1_decode_c(rk_t1_block *blocks, size_t n, void *work)
{
    for (size_t i = 0; i < n; i++)
        rk_t1_decode_one(&blocks[i], work);
}

_Static_assert(sizeof(decoder) <= RK_T1_STATE, "the state of the reference");

bool rk_t1_work_size(size_t *size, size_t bytes)
{
    return rk_add_size(size, bytes, RK_T1_STATE + RK_MQ_TAIL + 64);
}

void rk_t1_table_fill(rk_t1_table *t, uint32_t cpu)
{
    t->decode = rk_t1_decode_c;
#if RK_ARCH_X86
    if (cpu & RK_CPU_AVX2)
        t->decode = rk_t1_decode_avx2;
#else
    (void)cpu;
#endif
}
