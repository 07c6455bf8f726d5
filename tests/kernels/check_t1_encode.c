/* tests/kernels/check_t1_encode.c: a plain encoder of Part 1 code-blocks, for check_t1.c. */
#include "check_t1_encode.h"

#include <stdbool.h>
#include <string.h>

#include "kernels/mq.h"

enum { SIGNIFICANT = 1, NEGATIVE = 2, VISITED = 4, REFINED = 8 };

typedef struct encoder {
    const rk_t1_block *b;
    const int64_t *values;
    uint8_t flags[1026 * 6];
    uint8_t index[19], mps[19];
    uint32_t a, c;
    int count;
    uint8_t *bytes; /* bytes[0] is one before the segment */
    size_t at;      /* of the byte that BYTEOUT may still change */
    bool raw;
    unsigned left; /* raw: free bits of bytes[at] */
    unsigned plane, kind;
} encoder;

/* ---- MQ (C.2) ---- */

static void byte_out(encoder *e)
{
    if (e->bytes[e->at] != 0xFF && e->c >= 0x8000000) { /* carry */
        e->bytes[e->at]++;
        e->c &= 0x7FFFFFF;
    }
    bool stuff = e->bytes[e->at] == 0xFF;
    e->bytes[++e->at] = (uint8_t)(stuff ? e->c >> 20 : e->c >> 19);
    e->c &= stuff ? 0xFFFFF : 0x7FFFF;
    e->count = stuff ? 7 : 8;
}

static void encode(encoder *e, unsigned context, unsigned bit)
{
    const rk_mq_row *row = &rk_mq_rows[e->index[context]];
    bool likely = bit == e->mps[context];
    e->a -= row->qe;
    if (likely ? !(e->a < row->qe && !(e->a & 0x8000)) : e->a < row->qe)
        e->c += row->qe;
    else
        e->a = row->qe;
    if (likely && e->a & 0x8000)
        return;
    if (!likely)
        e->mps[context] ^= row->change;
    e->index[context] = likely ? row->nmps : row->nlps;
    do {
        e->a <<= 1;
        e->c <<= 1;
        if (--e->count == 0)
            byte_out(e);
    } while (!(e->a & 0x8000));
}

static void start(encoder *e, bool raw)
{
    e->raw = raw;
    e->at = 0;
    e->bytes[0] = 0;
    e->a = 0x8000;
    e->c = 0;
    e->count = 12;
    e->left = 0;
}

static void raw_bit(encoder *e, unsigned bit)
{
    if (e->left == 0) {
        e->left = e->bytes[e->at] == 0xFF ? 7 : 8;
        e->bytes[++e->at] = 0;
    }
    e->bytes[e->at] |= (uint8_t)(bit << --e->left);
}

/* FLUSH; returns the bytes of the segment. */
static size_t finish(encoder *e)
{
    if (e->raw) {
        for (unsigned bit = 0; e->left; bit ^= 1)
            raw_bit(e, bit);
    } else {
        uint32_t top = e->c + e->a;
        e->c |= 0xFFFF;
        if (e->c >= top)
            e->c -= 0x8000;
        e->c <<= e->count;
        byte_out(e);
        e->c <<= e->count;
        byte_out(e);
    }
    if (e->at > 0 && e->bytes[e->at] == 0xFF)
        e->at--;
    return e->at;
}

/* ---- contexts (D.3), counted anew ---- */

static uint8_t *flags_at(encoder *e, int64_t x, int64_t y)
{
    return e->flags + (y + 1) * ((int64_t)e->b->width + 2) + x + 1;
}

static uint8_t seen_from(encoder *e, int64_t x, int64_t y, int dx, int dy)
{
    if (e->b->style & RK_T1_CAUSAL && dy == 1 && (y & 3) == 3)
        return 0;
    return *flags_at(e, x + dx, y + dy);
}

static unsigned zero_context(encoder *e, int64_t x, int64_t y)
{
    unsigned h = 0, v = 0, d = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            if (dx || dy)
                *(dx && dy ? &d : dx ? &h : &v) += seen_from(e, x, y, dx, dy) & SIGNIFICANT;
    if (e->b->band == RK_BAND_HH)
        return d >= 3 ? 8 : d == 2 ? 6 + (h + v > 0) : d == 1 ? 3 + (h + v > 2 ? 2 : h + v)
                                                               : (h + v > 2 ? 2 : h + v);
    if (e->b->band == RK_BAND_HL) {
        unsigned swap = h;
        h = v;
        v = swap;
    }
    return h == 2 ? 8 : h == 1 ? (v ? 7 : d ? 6 : 5) : v ? 2 + v : d > 2 ? 2 : d;
}

static int sign_at(encoder *e, int64_t x, int64_t y, int dx, int dy)
{
    uint8_t f = seen_from(e, x, y, dx, dy);
    return f & SIGNIFICANT ? (f & NEGATIVE ? -1 : 1) : 0;
}

static void put_sign(encoder *e, int64_t x, int64_t y, int64_t value)
{
    static const struct {
        uint8_t context, flip;
    } table[3][3] = {{{13, 1}, {12, 1}, {11, 1}}, {{10, 1}, {9, 0}, {10, 0}}, {{11, 0}, {12, 0}, {13, 0}}};
    int h = sign_at(e, x, y, -1, 0) + sign_at(e, x, y, 1, 0);
    int v = sign_at(e, x, y, 0, -1) + sign_at(e, x, y, 0, 1);
    h = (h > 0) - (h < 0) + 1;
    v = (v > 0) - (v < 0) + 1;
    if (e->raw)
        raw_bit(e, value < 0);
    else
        encode(e, table[h][v].context, (value < 0) ^ table[h][v].flip);
    *flags_at(e, x, y) |= SIGNIFICANT | (value < 0 ? NEGATIVE : 0);
}

/* ---- passes ---- */

static unsigned bit_of(const encoder *e, int64_t x, int64_t y)
{
    int64_t v = e->values[y * e->b->width + x];
    return (unsigned)((uint64_t)(v < 0 ? -v : v) >> e->plane & 1);
}

static void code_sample(encoder *e, int64_t x, int64_t y)
{
    uint8_t *f = flags_at(e, x, y);
    unsigned context = zero_context(e, x, y), bit = bit_of(e, x, y);
    if (e->kind == 1) {
        if ((*f & (SIGNIFICANT | VISITED)) != SIGNIFICANT)
            return;
        if (e->raw)
            raw_bit(e, bit);
        else
            encode(e, *f & REFINED ? 16 : context ? 15 : 14, bit);
        *f |= REFINED;
        return;
    }
    if (*f & SIGNIFICANT || (e->kind == 0 ? !context : *f & VISITED))
        return;
    if (e->raw)
        raw_bit(e, bit);
    else
        encode(e, context, bit);
    if (bit)
        put_sign(e, x, y, e->values[y * e->b->width + x]);
    if (e->kind == 0)
        *f |= VISITED;
}

/* Run mode of a column; returns the next row to code. */
static int64_t code_run(encoder *e, int64_t x, int64_t y)
{
    int64_t first = 0;
    for (int64_t k = 0; k < 4; k++)
        if (*flags_at(e, x, y + k) & (SIGNIFICANT | VISITED) || zero_context(e, x, y + k))
            return y;
    while (first < 4 && !bit_of(e, x, y + first))
        first++;
    encode(e, RK_MQ_RUN, first < 4);
    if (first == 4)
        return y + 4;
    encode(e, RK_MQ_UNIFORM, (unsigned)first >> 1);
    encode(e, RK_MQ_UNIFORM, (unsigned)first & 1);
    put_sign(e, x, y + first, e->values[(y + first) * e->b->width + x]);
    return y + first + 1;
}

static void code_pass(encoder *e)
{
    int64_t w = e->b->width, h = e->b->height;
    for (int64_t y0 = 0; y0 < h; y0 += 4)
        for (int64_t x = 0; x < w; x++) {
            int64_t y = y0;
            if (e->kind == 2 && y0 + 4 <= h)
                y = code_run(e, x, y0);
            for (; y < y0 + 4 && y < h; y++)
                code_sample(e, x, y);
        }
    if (e->kind != 2)
        return;
    for (size_t i = 0; i < sizeof e->flags; i++)
        e->flags[i] &= (uint8_t)~VISITED;
    if (e->b->style & RK_T1_SYMBOLS)
        for (unsigned i = 0; i < 4; i++)
            encode(e, RK_MQ_UNIFORM, ~i & 1);
}

static void reset(encoder *e)
{
    for (unsigned k = 0; k < 19; k++) {
        e->index[k] = rk_mq_first(k);
        e->mps[k] = 0;
    }
}

/* Table D.9: does a segment end behind this pass? */
static bool ends(const rk_t1_block *b, uint32_t pass, unsigned kind)
{
    if (pass + 1 == b->passes || b->style & RK_T1_TERMINATE)
        return true;
    return b->style & RK_T1_BYPASS && pass >= 9 && kind != 0;
}

void t1_encode(t1_coded *to, const rk_t1_block *b, const int64_t *values)
{
    static encoder state;
    static uint8_t segment[T1_BYTES];
    encoder *e = &state;
    uint32_t passes = 0;
    memset(e, 0, sizeof *e);
    e->b = b;
    e->values = values;
    e->bytes = segment;
    e->kind = 2;
    e->plane = b->planes - 1u;
    to->size = 0;
    to->count = 0;
    reset(e);
    for (uint32_t pass = 0; pass < b->passes; pass++) {
        if (passes++ == 0)
            start(e, b->style & RK_T1_BYPASS && pass >= 10 && e->kind != 2);
        code_pass(e);
        if (ends(b, pass, e->kind)) {
            size_t size = finish(e);
            memcpy(to->bytes + to->size, segment + 1, size);
            to->segments[to->count++] = (rk_t1_segment){NULL, (uint32_t)size, passes};
            to->size += size;
            passes = 0;
        }
        if (b->style & RK_T1_RESET)
            reset(e);
        if (++e->kind == 3) {
            e->kind = 0;
            e->plane--;
        }
    }
}
