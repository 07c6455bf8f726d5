/*
 * kernels/t1_encode_ref.c: reference of the Part 1 code-block encoder: contexts and passes (T.800 annex D),
 * sample by sample.
 */
#include <string.h>

#include "t1_encode_work.h"

/* Flags of a sample. */
enum { SIGNIFICANT = 1, NEGATIVE = 2, VISITED = 4, REFINED = 8 };

/* Flags of a block have a border of one sample; w * h <= 4096 makes 1026 * 6 the most. */
enum { FLAGS = (RK_BLOCK_SIDE + 2) * (RK_BLOCK_AREA / RK_BLOCK_SIDE + 2) };

typedef struct reference {
    const rk_t1_source *b;
    rk_mq_encoder *mq;
    const rk_t1_pass *pass;
    rk_t1_tally tally;
    uint32_t magnitude[RK_BLOCK_AREA];
    uint8_t flags[FLAGS];
} reference;

_Static_assert(sizeof(reference) <= RK_T1_ENCODE_STATE, "the state of the reference");

static uint8_t *flags_at(reference *r, uint32_t x, uint32_t y)
{
    return r->flags + (size_t)(y + 1) * (r->b->width + 2) + x + 1;
}

/* Flags of a neighbour; the stripe below does not count in vertically causal contexts (D.7). */
static unsigned seen(reference *r, uint32_t x, uint32_t y, int dx, int dy)
{
    if (r->b->style & RK_T1_CAUSAL && dy > 0 && (y & 3) == 3)
        return 0;
    return flags_at(r, x, y)[dy * ((ptrdiff_t)r->b->width + 2) + dx];
}

static unsigned significant(reference *r, uint32_t x, uint32_t y, int dx, int dy)
{
    return seen(r, x, y, dx, dy) & SIGNIFICANT;
}

/* Table D.1; 0: no significant neighbour. */
static unsigned zero_context(reference *r, uint32_t x, uint32_t y)
{
    unsigned h = significant(r, x, y, -1, 0) + significant(r, x, y, 1, 0);
    unsigned v = significant(r, x, y, 0, -1) + significant(r, x, y, 0, 1);
    unsigned d = significant(r, x, y, -1, -1) + significant(r, x, y, 1, -1) +
                 significant(r, x, y, -1, 1) + significant(r, x, y, 1, 1);
    if (r->b->band == RK_BAND_HH) {
        unsigned hv = h + v;
        if (d >= 3)
            return 8;
        if (d == 2)
            return hv ? 7 : 6;
        return 3 * d + (hv > 2 ? 2 : hv);
    }
    if (r->b->band == RK_BAND_HL) {
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
    return d > 2 ? 2 : d;
}

static int sign_of(unsigned flags)
{
    return flags & SIGNIFICANT ? (flags & NEGATIVE ? -1 : 1) : 0;
}

static int clamp_one(int x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}

static void put(reference *r, unsigned context, unsigned bit)
{
    if (r->pass->raw)
        rk_mq_encode_plain(r->mq, bit);
    else
        rk_mq_encode_symbol(r->mq, context, bit);
}

/* The sign of a sample that became significant (tables D.2 and D.3). */
static void put_sign(reference *r, uint32_t x, uint32_t y)
{
    uint8_t *f = flags_at(r, x, y);
    unsigned negative = *f & NEGATIVE ? 1 : 0;
    int h = clamp_one(sign_of(seen(r, x, y, -1, 0)) + sign_of(seen(r, x, y, 1, 0)));
    int v = clamp_one(sign_of(seen(r, x, y, 0, -1)) + sign_of(seen(r, x, y, 0, 1)));
    unsigned flip = h < 0 || (h == 0 && v < 0);
    if (flip) {
        h = -h;
        v = -v;
    }
    put(r, (unsigned)(h ? 12 + v : 9 + v), r->pass->raw ? negative : negative ^ flip);
    *f |= SIGNIFICANT;
    r->tally.ones++;
    r->tally.below += r->magnitude[(size_t)y * r->b->width + x] & ((1u << r->pass->plane) - 1);
}

static unsigned bit_at(const reference *r, uint32_t x, uint32_t y)
{
    return r->magnitude[(size_t)y * r->b->width + x] >> r->pass->plane & 1;
}

static void put_zero(reference *r, uint32_t x, uint32_t y, unsigned context)
{
    unsigned bit = bit_at(r, x, y);
    put(r, context, bit);
    if (bit)
        put_sign(r, x, y);
}

static void refine(reference *r, uint32_t x, uint32_t y, unsigned context)
{
    uint8_t *f = flags_at(r, x, y);
    unsigned bit = bit_at(r, x, y);
    int64_t below = r->magnitude[(size_t)y * r->b->width + x] & ((1u << r->pass->plane) - 1);
    put(r, *f & REFINED ? 16 : context ? 15 : 14, bit); /* table D.4 */
    *f |= REFINED;
    r->tally.ones += bit;
    r->tally.zeros += !bit;
    r->tally.below += bit ? below : -below;
}

/* A column in run mode (D.4.3); returns the next row to code, which is y if it is not in it. */
static uint32_t put_run(reference *r, uint32_t x, uint32_t y)
{
    uint32_t first = 0;
    for (uint32_t k = 0; k < 4; k++)
        if (*flags_at(r, x, y + k) & (SIGNIFICANT | VISITED) || zero_context(r, x, y + k))
            return y;
    while (first < 4 && !bit_at(r, x, y + first))
        first++;
    put(r, RK_MQ_RUN, first < 4);
    if (first == 4)
        return y + 4;
    put(r, RK_MQ_UNIFORM, first >> 1);
    put(r, RK_MQ_UNIFORM, first & 1);
    put_sign(r, x, y + first);
    return y + first + 1;
}

/* One column of a stripe, rows y to end. */
static void code_column(reference *r, uint32_t x, uint32_t y, uint32_t end)
{
    if (r->pass->kind == RK_T1_CLEANUP && end == y + 4)
        y = put_run(r, x, y);
    for (; y < end; y++) {
        uint8_t *f = flags_at(r, x, y);
        unsigned context = zero_context(r, x, y), flags = *f & (SIGNIFICANT | VISITED);
        if (r->pass->kind == RK_T1_SIGNIFICANCE && !flags && context) {
            *f |= VISITED;
            put_zero(r, x, y, context);
        } else if (r->pass->kind == RK_T1_REFINEMENT && flags == SIGNIFICANT) {
            refine(r, x, y, context);
        } else if (r->pass->kind == RK_T1_CLEANUP && !flags) {
            put_zero(r, x, y, context);
        }
    }
}

static void code(reference *r, rk_mq_encoder *m, const rk_t1_pass *pass)
{
    uint32_t w = r->b->width, h = r->b->height;
    r->mq = m;
    r->pass = pass;
    memset(&r->tally, 0, sizeof r->tally);
    for (uint32_t y = 0; y < h; y += 4)
        for (uint32_t x = 0; x < w; x++)
            code_column(r, x, y, h - y < 4 ? h : y + 4);
    if (pass->kind != RK_T1_CLEANUP)
        return;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            *flags_at(r, x, y) &= (uint8_t)~VISITED;
}

static unsigned enter(reference *r, const rk_t1_source *b)
{
    uint32_t all = 0;
    r->b = b;
    memset(r->flags, 0, sizeof r->flags);
    for (uint32_t y = 0; y < b->height; y++)
        for (uint32_t x = 0; x < b->width; x++) {
            size_t at = (size_t)y * b->stride + x;
            int32_t value = b->format == RK_COEF_INT16 ? ((const int16_t *)b->values)[at]
                                                       : ((const int32_t *)b->values)[at];
            uint32_t magnitude = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
            r->magnitude[(size_t)y * b->width + x] = magnitude;
            all |= magnitude;
            if (value < 0)
                *flags_at(r, x, y) |= NEGATIVE;
        }
    unsigned planes = 0;
    while (planes < 32 && all >> planes)
        planes++;
    return planes;
}

void rk_t1_encode_c(rk_t1_source *blocks, size_t n, void *work)
{
    reference *r = work;
    uint8_t *string = (uint8_t *)work + RK_T1_ENCODE_STATE;
    rk_t1_job job;
    for (size_t i = 0; i < n; i++) {
        bool more = rk_t1_begin(&job, &blocks[i], enter(r, &blocks[i]), string);
        while (more) {
            code(r, &job.mq, &job.pass);
            more = rk_t1_next(&job, &r->tally);
        }
    }
}
