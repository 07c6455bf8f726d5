/* checkkernel: Part 1 code-blocks (kernels/t1.h). */
#include <string.h>

#include "check_t1_encode.h"
#include "checkkernel.h"
#include "kernels/t1.h"

enum { BLOCKS = 3 };
static t1_coded coded;
static int64_t values[RK_BLOCK_AREA];
static _Alignas(64) uint8_t work[1 << 20];
static const size_t WIDTHS[3] = {2, 4, 8};

/* A block of about n samples: any shape, band, style, depth and format. */
static void draw_shape(ck_run *run, rk_t1_block *b, size_t n)
{
    size_t area = n < 1 ? 1 : n < RK_BLOCK_AREA ? n : RK_BLOCK_AREA;
    uint32_t most = area < RK_BLOCK_SIDE ? (uint32_t)area : RK_BLOCK_SIDE;
    memset(b, 0, sizeof *b);
    b->width = 1 + (uint32_t)ck_below(run, most);
    if (ck_below(run, 2) && most > 16)
        b->width = 1 + (uint32_t)ck_below(run, most < 64 ? most : 64);
    b->height = (uint32_t)(area / b->width);
    b->height = b->height > RK_BLOCK_SIDE ? RK_BLOCK_SIDE : b->height ? b->height : 1;
    b->band = (uint8_t)ck_below(run, 4);
    b->style = ck_below(run, 2) ? 0 : (uint8_t)ck_below(run, 64);
    b->format = (uint8_t)ck_below(run, 3);
    b->half = ck_below(run, 2);
    unsigned holds[3] = {RK_COEF_PLANES_INT16, RK_COEF_PLANES_INT32, RK_COEF_PLANES_INT64};
    unsigned planes = holds[b->format] - b->half;
    if (ck_below(run, 4))
        planes = planes < 12 ? planes : 12;
    b->planes = 1 + (uint8_t)ck_below(run, planes);
    b->passes = 3u * b->planes - 2;
    if (ck_below(run, 3) == 0)
        b->passes = 1 + (uint32_t)ck_below(run, b->passes);
    b->stride = b->width + ck_below(run, 5);
}

static void draw_values(ck_run *run, const rk_t1_block *b)
{
    unsigned kind = (unsigned)ck_below(run, 4);
    for (size_t i = 0; i < (size_t)b->width * b->height; i++) {
        uint64_t word = ck_random(run), bits = ck_random(run) % (b->planes + 1u);
        uint64_t size = bits ? word >> (64 - bits) : 0;
        if (kind == 0 || (kind == 1 && word % 16)) /* nothing, or little */
            size = ck_below(run, 97) == 0 ? size : 0;
        else if (kind == 2)
            size = b->planes < 5 ? size : word >> (64 - b->planes + 3) / (1 + bits % 3);
        size &= ((uint64_t)1 << b->planes) - 1;
        values[i] = ck_random(run) & 1 ? (int64_t)size : -(int64_t)size;
    }
}

/* The value that is to come of v if all passes were decoded. */
static int64_t expected(const rk_t1_block *b, int64_t v)
{
    return !b->half || !v ? v : v < 0 ? 2 * v - 1 : 2 * v + 1;
}

static int64_t value_at(const rk_t1_block *b, size_t i)
{
    if (b->format == RK_COEF_INT16)
        return ((const int16_t *)b->out)[i];
    return b->format == RK_COEF_INT32 ? ((const int32_t *)b->out)[i] : ((const int64_t *)b->out)[i];
}

/* Output of the block, at an address that its type allows. */
static void *place_out(ck_run *run, const rk_t1_block *b, size_t *bytes)
{
    size_t width = WIDTHS[b->format];
    *bytes = (b->stride * (b->height - 1) + b->width) * width;
    uint8_t *p = ck_out(run, *bytes + width - 1);
    p += -(uintptr_t)p & (width - 1);
    memset(p, 0x5A, *bytes); /* between rows too */
    return p;
}

/* Bytes of the segments in one piece: as encoded, damaged, or nothing but noise. */
static void place_segments(ck_run *run, rk_t1_block *b, bool *sound)
{
    unsigned kind = (unsigned)ck_below(run, 4);
    *sound = kind >= 2;
    if (kind == 0) {
        for (size_t i = 0; i < coded.size; i++) {
            uint64_t word = ck_random(run);
            coded.bytes[i] = word & 3 ? (uint8_t)(word >> 8) : word & 4 ? 0xFF : (uint8_t)(word >> 8 | 0x80);
        }
    } else if (kind == 1) {
        for (size_t i = 0; i < 3 && coded.size; i++)
            coded.bytes[ck_below(run, coded.size)] = (uint8_t)ck_random(run);
        rk_t1_segment *s = &coded.segments[ck_below(run, coded.count)];
        s->size -= (uint32_t)ck_below(run, s->size + 1);
        if (ck_below(run, 4) == 0)
            s->passes = (uint32_t)ck_below(run, 20);
        if (ck_below(run, 4) == 0)
            b->passes += (uint32_t)ck_below(run, 20);
        b->cut = ck_below(run, 2);
        if (ck_below(run, 4) == 0)
            coded.count = (uint32_t)ck_below(run, coded.count + 1);
    }
    for (size_t i = 0; i < RK_PAD; i++)
        coded.bytes[coded.size + i] = (uint8_t)ck_random(run);
    const uint8_t *at = ck_in_from(run, coded.bytes, coded.size + RK_PAD);
    for (uint32_t i = 0; i < coded.count; i++) {
        coded.segments[i].data = at;
        at += coded.segments[i].size;
    }
    b->segments = coded.segments;
    b->count = coded.count;
}

static void check_decode(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_t1_block a, b;
    size_t bytes, size, largest = 0;
    bool sound;
    draw_shape(run, &a, n);
    draw_values(run, &a);
    t1_encode(&coded, &a, values);
    place_segments(run, &a, &sound);
    for (uint32_t i = 0; i < a.count; i++)
        largest = a.segments[i].size > largest ? a.segments[i].size : largest;
    ck_true(run, rk_t1_work_size(&size, largest) && size <= sizeof work, "%zu bytes of work", size);
    b = a;
    a.out = place_out(run, &a, &bytes);
    b.out = place_out(run, &b, &bytes);
    memset(work, (int)ck_random(run), size);
    ((rk_t1_decode_fn *)reference)(&a, 1, work);
    memset(work, (int)ck_random(run), size);
    ((rk_t1_decode_fn *)variant)(&b, 1, work);
    ck_equal(run, a.out, b.out, bytes, "%u x %u, style %x, %u planes, %u passes, format %u, half %d, cut %d",
             a.width, a.height, a.style, a.planes, a.passes, a.format, a.half, a.cut);
    ck_true(run, a.result == b.result, "results %u and %u, style %x", a.result, b.result, a.style);
    ck_true(run, a.peak == b.peak, "peaks %llu and %llu", (unsigned long long)a.peak,
            (unsigned long long)b.peak);
    if (!sound)
        return;
    ck_true(run, a.result == 0, "result %u of a sound block", a.result);
    if (a.passes == 3u * a.planes - 2)
        for (size_t y = 0; y < a.height; y++)
            for (size_t x = 0; x < a.width; x++) {
                int64_t want = expected(&a, values[y * a.width + x]), got = value_at(&a, y * a.stride + x);
                ck_true(run, want == got, "x %zu, y %zu of %u x %u: %lld instead of %lld, style %x", x, y,
                        a.width, a.height, (long long)got, (long long)want, a.style);
            }
}

/* Coefficients as a 12-bit CT slice has them: 64 x 64, most of them small. */
static void bench_decode(ck_run *run, ck_fn *fn, size_t n)
{
    static int32_t out[RK_BLOCK_AREA];
    rk_t1_block b = {.width = 64, .height = 64, .band = RK_BAND_HL, .planes = 7, .format = RK_COEF_INT32};
    size_t blocks = (n + RK_BLOCK_AREA - 1) / RK_BLOCK_AREA;
    for (size_t i = 0; i < RK_BLOCK_AREA; i++) {
        uint64_t word = ck_random(run);
        int64_t size = (int64_t)((word & 15) + (word >> 4 & 15) + (word >> 8 & 15)) - 22;
        values[i] = word >> 12 & 63 ? size / 2 : size * 5;
    }
    b.passes = 3u * b.planes - 2;
    b.out = out;
    b.stride = 64;
    t1_encode(&coded, &b, values);
    coded.segments[0].data = coded.bytes;
    b.segments = coded.segments;
    b.count = coded.count;
    CK_TIME(run, blocks * RK_BLOCK_AREA,
            for (size_t i = 0; i < blocks; i++)((rk_t1_decode_fn *)fn)(&b, 1, work));
}

static const ck_member members[] = {{"decode", check_decode, bench_decode}};

CK_STAGE(t1, rk_t1_table, rk_t1_table_fill, members)
