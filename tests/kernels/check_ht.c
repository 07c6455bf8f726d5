/* checkkernel: HT code-blocks (kernels/ht.h). */
#include <string.h>

#include "check_ht_encode.h"
#include "checkkernel.h"
#include "kernels/ht.h"
#include "kernels/ht_work.h"

enum { MOST = 40 }; /* blocks in a call: more than a group */
static ht_coded coded[MOST];
static int64_t values[MOST][RK_BLOCK_AREA];
static _Alignas(64) uint8_t work[RK_HT_STATE];
static const size_t WIDTHS[3] = {2, 4, 8};

/* A block of about n samples; `twin`: of the width that it has, that of the block before. */
static void draw_shape(ck_run *run, rk_ht_block *b, size_t n, bool twin)
{
    size_t area = n < 1 ? 1 : n < RK_BLOCK_AREA ? n : RK_BLOCK_AREA;
    uint32_t most = area < RK_BLOCK_SIDE ? (uint32_t)area : RK_BLOCK_SIDE, width = b->width;
    memset(b, 0, sizeof *b);
    b->width = 1 + (uint32_t)ck_below(run, most);
    if (ck_below(run, 4) && most > 16)
        b->width = 1 + (uint32_t)ck_below(run, most < 64 ? most : 64);
    if (area == RK_BLOCK_AREA && ck_below(run, 2)) /* the usual shape: most quads that go side by side */
        b->width = 64;
    if (twin && width <= area)
        b->width = width;
    b->height = (uint32_t)(area / b->width);
    b->height = b->height > RK_BLOCK_SIDE ? RK_BLOCK_SIDE : b->height ? b->height : 1;
    if (twin && b->height > 2)
        b->height -= (uint32_t)ck_below(run, b->height / 2);
    b->format = (uint8_t)(ck_below(run, 8) ? ck_below(run, 2) : 2);
    b->half = b->format != RK_COEF_INT16 && ck_below(run, 2);
    b->causal = ck_below(run, 2);
    unsigned holds = (b->format == RK_COEF_INT64 ? 61 : 30) - b->half;
    b->passes = b->format != RK_COEF_INT16 && ck_below(run, 8) == 0 ? 2 + (uint8_t)ck_below(run, 2) : 1;
    if (b->format != RK_COEF_INT16 && (b->passes > 1 || ck_below(run, 4) == 0))
        b->plane = 1 + (uint8_t)ck_below(run, 9);
    b->planes = 1 + (uint8_t)ck_below(run, ck_below(run, 3) ? 14 : holds - b->plane);
    b->stride = b->width + ck_below(run, 5);
}

static void draw_values(ck_run *run, const rk_ht_block *b, int64_t *to)
{
    unsigned kind = (unsigned)ck_below(run, 4), planes = b->planes + (b->passes > 1);
    unsigned most = ck_below(run, 4) ? 1 + (unsigned)ck_below(run, planes) : planes;
    for (size_t i = 0; i < (size_t)b->width * b->height; i++) {
        uint64_t word = ck_random(run), bits = ck_random(run) % (most + 1);
        uint64_t size = bits ? word >> (64 - bits) : 0;
        if (kind == 0 || (kind == 1 && word % 16)) /* nothing, or little */
            size = ck_below(run, 97) == 0 ? size : 0;
        else if (kind == 2)
            size = word >> (64 - most);
        to[i] = ck_random(run) & 1 ? (int64_t)size : -(int64_t)size;
    }
}

static int64_t expected(const ht_coded *c, const rk_ht_block *b, size_t i, int64_t sign)
{
    uint64_t m = c->magnitude[i], half = (uint64_t)1 << c->lowest[i];
    int64_t size = !m ? 0 : (int64_t)(b->half ? 2 * m + half : m + (half >> 1));
    return sign < 0 ? -size : size;
}

static int64_t value_at(const rk_ht_block *b, size_t i)
{
    if (b->format == RK_COEF_INT16)
        return ((const int16_t *)b->out)[i];
    return b->format == RK_COEF_INT32 ? ((const int32_t *)b->out)[i] : ((const int64_t *)b->out)[i];
}

static size_t out_bytes(const rk_ht_block *b)
{
    return ((b->stride * (b->height - 1) + b->width) * WIDTHS[b->format] + 7) & ~(size_t)7;
}

/* Noise instead of the bytes. */
static void replace(ck_run *run, ht_coded *c)
{
    size_t suffix = 2 + (size_t)ck_below(run, c->cleanup_size < 4080 ? c->cleanup_size - 1 : 4078);
    for (size_t i = 0; i < c->cleanup_size; i++) {
        uint64_t word = ck_random(run);
        c->cleanup[i] = word & 7 ? (uint8_t)(word >> 8) : word & 8 ? 0xFF : 0x7F;
    }
    c->cleanup[c->cleanup_size - 1] = (uint8_t)(suffix >> 4);
    c->cleanup[c->cleanup_size - 2] = (uint8_t)((c->cleanup[c->cleanup_size - 2] & 0xF0) | (suffix & 15));
}

/*
 * Zeros for MagSgn, MEL and VLC: each event of MEL is one, and a quad takes three bits of VLC, which has
 * far less than that. Row by row a decoder goes on behind its end, where it has to see zeros for ever.
 */
static void drain(ck_run *run, ht_coded *c)
{
    size_t suffix = 2 + (size_t)ck_below(run, 160), magsgn = (size_t)ck_below(run, 4096);
    c->cleanup_size = magsgn + suffix;
    memset(c->cleanup, 0, c->cleanup_size);
    if (ck_below(run, 2))
        c->cleanup[magsgn + (size_t)ck_below(run, suffix)] = (uint8_t)ck_random(run);
    c->cleanup[c->cleanup_size - 1] = (uint8_t)(suffix >> 4);
    c->cleanup[c->cleanup_size - 2] = (uint8_t)((c->cleanup[c->cleanup_size - 2] & 0xF0) | (suffix & 15));
}

/* Damages a block: some bytes, its length, or its MagSgn or VLC bits end too early. */
static void spoil(ck_run *run, ht_coded *c, rk_ht_block *b)
{
    const uint8_t *end = c->cleanup + c->cleanup_size;
    size_t suffix = (size_t)end[-1] << 4 | (end[-2] & 15);
    if (ck_below(run, 3) == 0) {
        replace(run, c);
    } else if (ck_below(run, 6) == 0) {
        drain(run, c);
    } else if (ck_below(run, 2) && suffix <= c->cleanup_size) {
        size_t left = (size_t)ck_below(run, c->cleanup_size - suffix + 1);
        size_t rest = ck_below(run, 2) || suffix < 2 ? suffix : 2 + (size_t)ck_below(run, suffix - 1);
        if (b->format == RK_COEF_INT32)
            b->planes = (uint8_t)(30 - b->half - b->plane);
        memmove(c->cleanup + left, end - rest, rest);
        c->cleanup_size = left + rest;
        c->cleanup[left + rest - 1] = (uint8_t)(rest >> 4);
        c->cleanup[left + rest - 2] = (uint8_t)((c->cleanup[left + rest - 2] & 0xF0) | (rest & 15));
    } else {
        for (int i = 0; i < 3; i++)
            c->cleanup[ck_below(run, c->cleanup_size)] = (uint8_t)ck_random(run);
        if (ck_below(run, 4) == 0)
            c->cleanup_size -= (size_t)ck_below(run, c->cleanup_size);
        if (ck_below(run, 4) == 0)
            c->refine_size = (size_t)ck_below(run, c->refine_size + 9);
    }
}

/* The segments of all blocks, one block behind the other with what may be touched between them. */
static void place(ck_run *run, rk_ht_block *blocks, size_t n)
{
    static uint8_t all[MOST * (RK_HT_CLEANUP_MAX + RK_HT_REFINE_MAX + 2 * RK_PAD)];
    size_t size = 0, at[MOST][2];
    for (size_t i = 0; i < n; i++) {
        at[i][0] = size;
        memcpy(all + size, coded[i].cleanup, coded[i].cleanup_size);
        size += coded[i].cleanup_size;
        at[i][1] = size;
        memcpy(all + size, coded[i].refine, coded[i].refine_size);
        size += coded[i].refine_size;
    }
    for (size_t i = 0; i < RK_PAD; i++)
        all[size + i] = (uint8_t)ck_random(run);
    const uint8_t *bytes = ck_in_from(run, all, size + RK_PAD);
    for (size_t i = 0; i < n; i++) {
        blocks[i].cleanup = bytes + at[i][0];
        blocks[i].refine = bytes + at[i][1];
        blocks[i].cleanup_size = (uint32_t)coded[i].cleanup_size;
        blocks[i].refine_size = (uint32_t)coded[i].refine_size;
    }
}

static void compare(ck_run *run, const rk_ht_block *a, const rk_ht_block *b, size_t i, bool sound)
{
    ck_true(run, a->result == b->result, "results %u and %u, %u planes", a->result, b->result, a->planes);
    ck_equal(run, a->out, b->out, out_bytes(a), "block %zu: %u x %u, plane %u of %u, passes %u, format %u",
             i, a->width, a->height, a->plane, a->planes, a->passes, a->format);
    ck_true(run, a->peak == b->peak, "peaks %llu and %llu", (unsigned long long)a->peak,
            (unsigned long long)b->peak);
    if (!sound)
        return;
    ck_true(run, a->result == 0 || (a->result == RK_BLOCK_WIDE && a->format == RK_COEF_INT16),
            "result %u of a sound block", a->result);
    for (size_t y = 0; y < a->height && !a->result; y++)
        for (size_t x = 0; x < a->width; x++) {
            size_t k = y * a->width + x;
            int64_t want = expected(&coded[i], a, k, values[i][k]), got = value_at(a, y * a->stride + x);
            ck_true(run, want == got, "x %zu, y %zu of %u x %u: %lld instead of %lld, %u passes", x, y,
                    a->width, a->height, (long long)got, (long long)want, a->passes);
        }
}

/* How many samples the block i of those of a call has; `pyramid`: three of a size, then three
 * of half as many rows and columns and so on, as small images have them. */
static size_t area_of(size_t n, size_t i, bool pyramid)
{
    return pyramid ? n >> (2 * (i / 3) & 15) : n;
}

static void check_decode(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    static rk_ht_block a[MOST], b[MOST];
    bool sound[MOST], pyramid = ck_below(run, 3) == 0;
    size_t most = ck_below(run, n < 500 ? 4 : n < RK_BLOCK_AREA ? 8 : 2) ? 6 : MOST, bytes = 0;
    size_t count = 1 + (size_t)ck_below(run, pyramid && most < 18 ? 18 : most);
    for (size_t i = 0; i < count; i++) {
        a[i].width = i ? a[i - 1].width : 0;
        bool twin = i > 0 && (!pyramid || i % 3) && ck_below(run, 8);
        draw_shape(run, &a[i], area_of(n, i, pyramid), twin);
        draw_values(run, &a[i], values[i]);
        sound[i] = ht_encode(&coded[i], &a[i], values[i], ck_random(run));
        if (!sound[i])
            coded[i].cleanup_size = coded[i].refine_size = 64;
        if (!sound[i] || ck_below(run, 4) == 0) {
            sound[i] = false;
            spoil(run, &coded[i], &a[i]);
        }
        bytes += out_bytes(&a[i]);
    }
    place(run, a, count);
    memcpy(b, a, count * sizeof *a);
    uint8_t *p = ck_out(run, bytes + 7), *q = ck_out(run, bytes + 7);
    p += -(uintptr_t)p & 7;
    q += -(uintptr_t)q & 7;
    memset(p, 0x5A, bytes); /* between rows too */
    memset(q, 0x5A, bytes);
    for (size_t i = 0, at = 0; i < count; at += out_bytes(&a[i++])) {
        a[i].out = p + at;
        b[i].out = q + at;
    }
    memset(work, (int)ck_random(run), sizeof work);
    ((rk_ht_decode_fn *)reference)(a, count, work);
    memset(work, (int)ck_random(run), sizeof work);
    ((rk_ht_decode_fn *)variant)(b, count, work);
    for (size_t i = 0; i < count; i++)
        compare(run, &a[i], &b[i], i, sound[i]);
}

/* Blocks of 64 x 64 as a 12-bit CT slice has them. */
static void bench_decode(ck_run *run, ck_fn *fn, size_t n)
{
    static rk_ht_block blocks[64];
    static int16_t out[64][RK_BLOCK_AREA];
    size_t count = (n + RK_BLOCK_AREA - 1) / RK_BLOCK_AREA;
    for (size_t i = 0; i < count; i++) {
        ht_coded *c = &coded[i % MOST];
        blocks[i] = (rk_ht_block){.width = 64, .height = 64, .planes = 18, .passes = 1, .out = out[i], .stride = 64};
        for (size_t k = 0; k < RK_BLOCK_AREA && i < MOST; k++) {
            uint64_t word = ck_random(run);
            int64_t size = (int64_t)((word & 15) + (word >> 4 & 15) + (word >> 8 & 15)) - 22;
            values[0][k] = word >> 12 & 63 ? size / 2 : size * 5;
        }
        if (i < MOST && !ht_encode(c, &blocks[i], values[0], ck_random(run)))
            return;
        blocks[i].cleanup = c->cleanup;
        blocks[i].cleanup_size = (uint32_t)c->cleanup_size;
    }
    CK_TIME(run, count * RK_BLOCK_AREA, ((rk_ht_decode_fn *)fn)(blocks, count, work));
}

static const ck_member members[] = {{"decode", check_decode, bench_decode}};

CK_STAGE(ht, rk_ht_table, rk_ht_table_fill, members)
