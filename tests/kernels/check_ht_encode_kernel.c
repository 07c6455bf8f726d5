/* checkkernel: HT code-blocks from coefficients (kernels/ht_encode.h). */
#include <string.h>

#include "check_ht_encode.h"
#include "checkkernel.h"
#include "kernels/cpu.h"
#include "kernels/ht_encode.h"
#include "kernels/ht_encode_work.h"
#include "kernels/ht_work.h"

enum { MOST = 24, BYTES = 19000 };
static _Alignas(64) uint8_t work[RK_HT_STATE > RK_HT_ENCODE_STATE ? RK_HT_STATE : RK_HT_ENCODE_STATE];
static uint8_t whole[MOST][BYTES]; /* segments as the reference makes them, with all the room they want */
static int32_t drawn[MOST][RK_BLOCK_AREA];

/* Every entry of the tables is a code word of T.814 that fits, and none that fits is better. */
static void check_codes(ck_run *run)
{
    for (int other = 0; other < 2; other++)
        for (unsigned i = 0; i < 2048; i++) {
            const ht_code *rows = other ? ht_other_rows : ht_first_rows;
            uint32_t code = rk_ht_codes[other][i], found = 0, eps = i & 15;
            int cost = (int)(code & 0xFF) - __builtin_popcount(code >> 16 & 15), least = 99;
            for (int k = 0; k < (other ? HT_OTHER_ROWS : HT_FIRST_ROWS); k++) {
                const ht_code *c = &rows[k];
                if (c->context != i >> 8 || c->rho != (i >> 4 & 15) || (eps & ~c->rho & 15) ||
                    c->u_off != (eps != 0) || (eps & c->e_k) != c->e_1)
                    continue;
                int bits = c->length - __builtin_popcount(c->e_k);
                least = bits < least ? bits : least;
                found |= code == (c->length | (uint32_t)c->word << 24 | (uint32_t)c->e_k << 16);
            }
            ck_true(run, found ? cost == least : code == 0 && least == 99, "code %d, %u: %x", other, i, code);
        }
}

/* The bytes where MEL and VLC meet: both find their bits there, and no marker comes of it. */
static void check_join(ck_run *run)
{
    static rk_ht_mel_writer m;
    for (unsigned i = 0; i < 1u << 16; i++) {
        unsigned left = 1 + (i >> 7 & 7), used = i >> 10 & 7, high = i >> 13 & 7;
        uint8_t ends[3] = {(uint8_t)(high << 5 | 16), 0x35, 0xFF}, out[8] = {0};
        rk_ht_encode_block b = {.out = out, .capacity = sizeof out};
        rk_ht_vlc_end v = {.bytes = ends, .size = 3, .byte = (uint32_t)ck_random(run) & ((1u << used) - 1), .used = used};
        rk_ht_mel_start(&m);
        m.left = left;
        m.byte = i & ((1u << (8 - left)) - 1);
        if (i % 3 == 0)
            v.byte = (1u << used) - 1;
        rk_ht_encode_join(&b, out, 0, &m, &v);
        uint32_t beside = b.size > 3 ? out[b.size - 4] : 0;
        ck_true(run, b.size >= 3 && b.size <= 5 && b.result == 0, "%u bytes", b.size);
        ck_true(run, left == 8 || (uint32_t)out[0] >> left == m.byte, "MEL %x of %u bits: %x", m.byte, 8 - left, out[0]);
        ck_true(run, used == 0 || (beside & ((1u << used) - 1)) == v.byte, "VLC %x of %u bits: %x", v.byte, used, beside);
        for (unsigned k = 1; k < b.size; k++)
            ck_true(run, out[k - 1] < 0xFF || out[k] <= 0x8F, "MEL %x of %u, VLC %x of %u: marker FF%02X", m.byte,
                    8 - left, v.byte, used, out[k]);
    }
}

static void draw_shape(ck_run *run, rk_ht_encode_block *b, size_t n)
{
    size_t area = n < 1 ? 1 : n < RK_BLOCK_AREA ? n : RK_BLOCK_AREA;
    uint32_t most = area < RK_BLOCK_SIDE ? (uint32_t)area : RK_BLOCK_SIDE;
    memset(b, 0, sizeof *b);
    b->width = 1 + (uint32_t)ck_below(run, most);
    if (ck_below(run, 4) && most > 16)
        b->width = 1 + (uint32_t)ck_below(run, most < 64 ? most : 64);
    if (ck_below(run, 8) == 0)
        b->width = most; /* long rows, and columns */
    if (ck_below(run, 16) == 0)
        b->width = 1 + (uint32_t)ck_below(run, 2);
    b->height = (uint32_t)(area / b->width);
    b->height = b->height > RK_BLOCK_SIDE ? RK_BLOCK_SIDE : b->height ? b->height : 1;
    b->format = ck_below(run, 2) ? RK_COEF_INT16 : RK_COEF_INT32;
    b->plane = ck_below(run, 3) ? 0 : (uint8_t)ck_below(run, b->format == RK_COEF_INT16 ? 17 : 32);
    b->stride = b->width + ck_below(run, 5);
}

/* Noise of a depth, few values, equal magnitudes, or the largest there are; as often as not of 16 bits. */
static void draw_values(ck_run *run, const rk_ht_encode_block *b, int32_t *to)
{
    unsigned kind = (unsigned)ck_below(run, 7), holds = b->format == RK_COEF_INT16 ? 15 : 31;
    unsigned most = 1 + (unsigned)ck_below(run, ck_below(run, 2) ? 14 : holds), jump = (unsigned)ck_below(run, 4096);
    int32_t lowest = b->format == RK_COEF_INT16 ? INT16_MIN : INT32_MIN, all = (int32_t)((1u << most) - 1);
    for (unsigned i = 0; i < b->width * b->height; i++) {
        uint64_t word = ck_random(run), bits = ck_random(run) % (most + 1);
        int32_t size = bits ? (int32_t)(word >> (64 - bits)) : 0;
        if (kind == 0 || (kind == 1 && word % 16))
            size = ck_below(run, 97) == 0 ? size : 0;
        else if (kind == 2)
            size = (int32_t)(word >> (64 - most));
        else if (kind == 3)
            size = all; /* MagSgn bits are all ones, or nearly so */
        else if (kind == 4)
            size = i < jump ? size & 7 : size;
        to[i] = ck_random(run) & 1 && kind != 3 ? size : -size;
        if (kind == 5 && word % 64 == 0)
            to[i] = word & 64 ? lowest : -1 - lowest;
        if (kind == 6)
            to[i] = i & 1 ? -1 : i % 3 ? 1 : 0;
    }
}

/* All values of all blocks in one input, as their format wants them. */
static void place(ck_run *run, rk_ht_encode_block *blocks, size_t n)
{
    static uint8_t all[MOST * (RK_BLOCK_AREA + 5 * RK_BLOCK_SIDE) * 4];
    size_t size = 0, at[MOST];
    for (size_t i = 0; i < n; i++) {
        rk_ht_encode_block *b = &blocks[i];
        size_t width = b->format == RK_COEF_INT16 ? 2 : 4;
        at[i] = size;
        for (size_t y = 0; y < b->height; y++)
            for (size_t x = 0; x < (y + 1 < b->height ? b->stride : b->width); x++, size += width) {
                int32_t v = x < b->width ? drawn[i][y * b->width + x] : (int32_t)ck_random(run);
                int16_t narrow = (int16_t)v;
                memcpy(all + size, width == 2 ? (const void *)&narrow : (const void *)&v, width);
            }
    }
    const uint8_t *values = ck_in_from(run, all, size);
    for (size_t i = 0; i < n; i++)
        blocks[i].values = values + at[i];
}

static uint32_t bits_of(const rk_ht_encode_block *b, size_t i)
{
    uint32_t any = 0;
    for (size_t k = 0; k < (size_t)b->width * b->height; k++)
        any |= (drawn[i][k] < 0 ? 0 - (uint32_t)drawn[i][k] : (uint32_t)drawn[i][k]) >> b->plane;
    return any ? 32 - (uint32_t)__builtin_clz(any) : 0;
}

/* What the reference says of the block, and that it comes back through the decoder. */
static void check_block(ck_run *run, const rk_ht_encode_block *b, size_t i)
{
    static int32_t out[RK_BLOCK_AREA];
    static uint8_t padded[BYTES + RK_PAD];
    rk_ht_table decoders;
    bool wide = b->planes > RK_HT_ENCODE_PLANES;
    ck_true(run, b->planes == bits_of(b, i), "%u planes, block %zu", b->planes, i);
    ck_true(run, b->result == (wide ? RK_BLOCK_WIDE : 0), "result %u of %u planes", b->result, b->planes);
    ck_true(run, (b->size == 0) == (wide || b->planes == 0), "size %u of %u planes", b->size, b->planes);
    if (b->size == 0)
        return;
    ck_true(run, b->size <= rk_ht_encode_bound(b->width, b->height, b->planes), "%u bytes", b->size);
    for (size_t k = 1; k < b->size; k++)
        ck_true(run, whole[i][k - 1] < 0xFF || whole[i][k] <= 0x8F, "a marker at byte %zu of %u", k, b->size);
    memcpy(padded, whole[i], b->size);
    rk_ht_block d = {.width = b->width, .height = b->height, .cleanup = padded, .cleanup_size = b->size};
    d.passes = 1;
    d.planes = (uint8_t)b->planes;
    d.format = RK_COEF_INT32;
    d.out = out;
    d.stride = b->width;
    rk_ht_table_fill(&decoders, ck_below(run, 4) ? rk_cpu_detect() : 0);
    decoders.decode(&d, 1, work);
    ck_true(run, d.result == 0, "the decoder says %u", d.result);
    for (size_t k = 0; k < (size_t)b->width * b->height; k++) {
        int64_t v = drawn[i][k], size = (v < 0 ? -v : v) >> b->plane;
        ck_true(run, out[k] == (v < 0 ? -size : size), "sample %zu of %u x %u: %d instead of %lld", k, b->width,
                b->height, out[k], (long long)(v < 0 ? -size : size));
    }
}

/* Room for the whole of it, just enough, or less. */
static size_t draw_capacity(ck_run *run, const rk_ht_encode_block *b)
{
    size_t bound = rk_ht_encode_bound(b->width, b->height, RK_HT_ENCODE_PLANES);
    unsigned kind = (unsigned)ck_below(run, 6);
    if (kind < 2)
        return kind ? b->size : bound;
    return kind < 4 ? b->size + (size_t)ck_below(run, 64) : (size_t)ck_below(run, b->size);
}

static void check_encode(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    static rk_ht_encode_block a[MOST], b[MOST];
    size_t count = 1 + (size_t)ck_below(run, ck_below(run, 16) ? 3 : MOST), bytes = 0;
    if (n == 0 && ck_below(run, 64) == 0) {
        check_codes(run);
        check_join(run);
    }
    for (size_t i = 0; i < count; i++) {
        draw_shape(run, &a[i], n);
        draw_values(run, &a[i], drawn[i]);
        a[i].out = whole[i];
        a[i].capacity = BYTES;
    }
    place(run, a, count);
    memset(work, (int)ck_random(run), sizeof work);
    ((rk_ht_encode_fn *)reference)(a, count, work);
    for (size_t i = 0; i < count && reference == variant; i++)
        check_block(run, &a[i], i);
    for (size_t i = 0; i < count; i++)
        bytes += a[i].capacity = draw_capacity(run, &a[i]);
    memcpy(b, a, count * sizeof *a);
    uint8_t *p = ck_out(run, bytes), *q = ck_out(run, bytes);
    for (size_t i = 0, at = 0; i < count; at += a[i++].capacity) {
        a[i].out = p + at;
        b[i].out = q + at;
        if (a[i].size && a[i].size <= a[i].capacity)
            memcpy(p + at, whole[i], a[i].size);
        a[i].result = a[i].size > a[i].capacity ? RK_BLOCK_FULL : a[i].result;
    }
    memset(work, (int)ck_random(run), sizeof work);
    ((rk_ht_encode_fn *)variant)(b, count, work);
    for (size_t i = 0; i < count; i++)
        ck_true(run, a[i].size == b[i].size && a[i].result == b[i].result && a[i].planes == b[i].planes,
                "block %zu, %u x %u: size %u and %u, result %u and %u, planes %u and %u", i, a[i].width, a[i].height,
                a[i].size, b[i].size, a[i].result, b[i].result, a[i].planes, b[i].planes);
    for (size_t i = 0; i < count; i++)
        ck_equal(run, a[i].out, b[i].out, a[i].capacity, "block %zu: %u x %u, format %u, plane %u, planes %u", i,
                 a[i].width, a[i].height, a[i].format, a[i].plane, a[i].planes);
}

/* Blocks of 64 x 64 as a 12-bit CT slice has them. */
static void bench_encode(ck_run *run, ck_fn *fn, size_t n)
{
    static rk_ht_encode_block blocks[64];
    static int16_t values[64][RK_BLOCK_AREA];
    static uint8_t out[64][BYTES];
    size_t count = (n + RK_BLOCK_AREA - 1) / RK_BLOCK_AREA;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = (rk_ht_encode_block){.width = 64, .height = 64, .values = values[i], .stride = 64};
        blocks[i].out = out[i];
        blocks[i].capacity = BYTES;
        for (size_t k = 0; k < RK_BLOCK_AREA; k++) {
            uint64_t word = ck_random(run);
            int64_t size = (int64_t)((word & 15) + (word >> 4 & 15) + (word >> 8 & 15)) - 22;
            values[i][k] = (int16_t)(word >> 12 & 63 ? size / 2 : size * 5);
        }
    }
    CK_TIME(run, count * RK_BLOCK_AREA, ((rk_ht_encode_fn *)fn)(blocks, count, work));
}

static const ck_member members[] = {{"encode", check_encode, bench_encode}};

CK_STAGE(ht_encode, rk_ht_encode_table, rk_ht_encode_table_fill, members)
