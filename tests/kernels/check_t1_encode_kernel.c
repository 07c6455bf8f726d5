/* checkkernel: encoder of Part 1 code-blocks (kernels/t1_encode.h), with the decoder as judge. */
#include <math.h>
#include <string.h>

#include "checkkernel.h"
#include "kernels/t1_encode.h"

enum { MOST = 1 << 18 };
static int32_t values[RK_BLOCK_AREA];
static int64_t decoded[RK_BLOCK_AREA], again[RK_BLOCK_AREA];
static _Alignas(64) uint8_t work[1 << 20];
static uint8_t bytes[MOST + RK_PAD];

/* A block of about n samples: any shape, band, style, depth and format. */
static void draw_shape(ck_run *run, rk_t1_source *b, unsigned *planes, size_t n)
{
    size_t area = n < 1 ? 1 : n < RK_BLOCK_AREA ? n : RK_BLOCK_AREA;
    uint32_t most = area < RK_BLOCK_SIDE ? (uint32_t)area : RK_BLOCK_SIDE;
    memset(b, 0, sizeof *b);
    b->width = 1 + (uint32_t)ck_below(run, most);
    if (ck_below(run, 2) && most > 16)
        b->width = 1 + (uint32_t)ck_below(run, most < 80 ? most : 80);
    b->height = (uint32_t)(area / b->width);
    b->height = b->height > RK_BLOCK_SIDE ? RK_BLOCK_SIDE : b->height ? b->height : 1;
    b->band = (uint8_t)ck_below(run, 4);
    b->style = ck_below(run, 2) ? 0 : (uint8_t)ck_below(run, 64);
    b->format = ck_below(run, 2) ? RK_COEF_INT16 : RK_COEF_INT32;
    *planes = b->format == RK_COEF_INT16 ? 15 : 31;
    if (ck_below(run, 3))
        *planes = 12;
    *planes = (unsigned)ck_below(run, *planes + 1);
    b->floor = ck_below(run, 3) ? 0 : (uint8_t)ck_below(run, *planes + 2);
    b->half = ck_below(run, 2);
    b->weight = ck_below(run, 4) ? 1 : 0;
    b->stride = b->width + ck_below(run, 5);
}

/* Magnitudes below 2^planes: few, noise, all large, or a smooth hill. */
static void draw_values(ck_run *run, const rk_t1_source *b, unsigned planes)
{
    unsigned kind = (unsigned)ck_below(run, 6);
    for (size_t i = 0; i < (size_t)b->width * b->height; i++) {
        uint64_t word = ck_random(run), bits = ck_random(run) % (planes + 1u);
        uint64_t size = bits ? word >> (64 - bits) : 0;
        if (kind == 0 || (kind == 1 && word % 16))
            size = ck_below(run, 97) == 0 ? size : 0;
        else if (kind == 2)
            size = word >> 33;
        else if (kind == 3)
            size = ~(uint64_t)0 << ck_below(run, 2);
        else if (kind == 4)
            size = (i % b->width) * (i / b->width) + (word & 3);
        size &= ((uint64_t)1 << planes) - 1;
        values[i] = (kind == 4 ? i & 64 : word & 1) ? -(int32_t)size : (int32_t)size;
    }
}

static const void *place_values(ck_run *run, const rk_t1_source *b)
{
    static int32_t rows[RK_BLOCK_AREA + 5 * RK_BLOCK_SIDE];
    size_t width = b->format == RK_COEF_INT16 ? 2 : 4, n = b->stride * (b->height - 1) + b->width;
    for (size_t i = 0; i < n; i++) { /* noise between rows */
        size_t y = i / b->stride, x = i % b->stride;
        int32_t v = x < b->width ? values[y * b->width + x] : (int32_t)ck_random(run);
        if (width == 2)
            ((int16_t *)(void *)rows)[i] = (int16_t)v;
        else
            rows[i] = v;
    }
    const void *p = ck_in_from(run, rows, n * width);
    return (uintptr_t)p & (width - 1) ? rows : p;
}

/* Decodes the first `passes` passes out of the first `size` bytes. */
static uint32_t decode(const rk_t1_source *b, uint32_t passes, size_t size, int64_t *to)
{
    rk_t1_segment segments[RK_T1_PASSES];
    rk_t1_block d = {.width = b->width, .height = b->height, .band = b->band, .style = b->style,
                     .planes = (uint8_t)b->planes, .format = RK_COEF_INT64, .half = b->half,
                     .passes = passes, .segments = segments, .out = to, .stride = b->width};
    size_t from = 0;
    uint32_t first = 0;
    for (uint32_t i = 0; i < passes; i++) {
        if (!b->ends[i].closed && i + 1 < passes)
            continue;
        uint32_t closing = i;
        while (!b->ends[closing].closed)
            closing++;
        size_t end = b->ends[closing].length < size ? b->ends[closing].length : size;
        segments[d.count++] = (rk_t1_segment){bytes + from, (uint32_t)(end - from), i + 1 - first};
        from = end;
        first = i + 1;
    }
    rk_t1_decode_c(&d, 1, work);
    return d.result;
}

/* Squared error of what was decoded, in units of plane 0. */
static double error_of(const rk_t1_source *b, const int64_t *got)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)b->width * b->height; i++) {
        int64_t v = values[i], twice = 2 * v;
        if (b->half && v)
            twice += v < 0 ? -1 : 1;
        double e = 0.5 * (double)(twice - (b->half ? got[i] : 2 * got[i]));
        sum += e * e;
    }
    return sum;
}

/* Lengths and gains of a pass: no byte too few, none too many, and the error that is told. */
static void check_end(ck_run *run, const rk_t1_source *b, uint32_t pass, double all)
{
    size_t area = (size_t)b->width * b->height * sizeof(int64_t), length = b->ends[pass].length;
    double left = all;
    uint32_t start = 0;
    for (uint32_t i = 0; i < pass; i++)
        start = b->ends[i].closed ? b->ends[i].length : start;
    for (uint32_t i = 0; i <= pass; i++)
        left -= b->ends[i].gain;
    ck_true(run, decode(b, pass + 1, b->size, decoded) == 0, "damaged, %u passes", pass + 1);
    ck_true(run, decode(b, pass + 1, length, again) == 0, "damaged, %u passes of %zu bytes", pass + 1, length);
    ck_equal(run, decoded, again, area, "pass %u of %u, %zu bytes of %zu, style %x", pass, b->passes, length,
             b->size, b->style);
    if (b->weight > 0)
        ck_true(run, fabs(error_of(b, again) - left) <= 1e-9 * all, "pass %u: error %g, told %g", pass,
                error_of(b, again), left);
    if (length > start && !(b->style & RK_T1_PREDICTABLE)) {
        bool damaged = decode(b, pass + 1, length - 1, again) != 0;
        ck_true(run, damaged || memcmp(decoded, again, area), "pass %u needs no %zu bytes, style %x", pass,
                length, b->style);
    }
    ck_true(run, length == 0 || length <= start || bytes[length - 1] != 0xFF, "FF at the end of pass %u", pass);
}

static void check_decodes(ck_run *run, const rk_t1_source *b, unsigned planes)
{
    double all = error_of(b, memset(decoded, 0, sizeof decoded));
    uint32_t most = b->planes > b->floor ? 3 * (b->planes - b->floor) - 2 : 0;
    ck_true(run, b->result == 0 && b->planes <= planes, "result %u, %u planes", b->result, b->planes);
    ck_true(run, b->passes == most, "%u passes of %u", b->passes, most);
    if (b->passes == 0)
        return;
    memcpy(bytes, b->out, b->size);
    for (size_t i = 0; i < RK_PAD; i++)
        bytes[b->size + i] = (uint8_t)ck_random(run);
    ck_true(run, b->ends[b->passes - 1].closed && b->size == b->ends[b->passes - 1].length, "no end");
    check_end(run, b, b->passes - 1, all);
    check_end(run, b, (uint32_t)ck_below(run, b->passes), all);
    if (b->floor > 0)
        return;
    decode(b, b->passes, b->size, decoded);
    for (size_t i = 0; i < (size_t)b->width * b->height; i++) {
        int64_t v = values[i], want = !b->half || !v ? v : 2 * v + (v < 0 ? -1 : 1);
        ck_true(run, decoded[i] == want, "sample %zu of %u x %u: %lld instead of %lld", i, b->width, b->height,
                (long long)decoded[i], (long long)want);
    }
}

static void check_same(ck_run *run, const rk_t1_source *a, const rk_t1_source *b)
{
    ck_true(run, a->result == b->result && a->planes == b->planes, "results %u and %u, planes %u and %u",
            a->result, b->result, a->planes, b->planes);
    ck_true(run, a->passes == b->passes && a->size == b->size, "passes %u and %u, %zu and %zu bytes", a->passes,
            b->passes, a->size, b->size);
    for (uint32_t i = 0; i < a->passes && i < b->passes; i++) {
        const rk_t1_end *p = &a->ends[i], *q = &b->ends[i];
        ck_true(run, p->length == q->length && p->closed == q->closed && p->gain == q->gain,
                "pass %u: %u and %u bytes, gains %g and %g, style %x", i, p->length, q->length, p->gain,
                q->gain, a->style);
    }
    ck_equal(run, a->out, b->out, a->size, "%u x %u, style %x, %u planes", a->width, a->height, a->style,
             a->planes);
}

/* A block of the same values with another shape and style, that goes along in the same call. */
static void draw_companion(ck_run *run, rk_t1_source *b, const rk_t1_source *of, uint8_t *out, rk_t1_end *ends)
{
    *b = *of;
    b->width = 1 + (uint32_t)ck_below(run, of->width);
    b->height = 1 + (uint32_t)ck_below(run, of->height);
    b->band = (uint8_t)ck_below(run, 4);
    b->style = ck_below(run, 2) ? 0 : (uint8_t)ck_below(run, 64);
    b->floor = (uint8_t)ck_below(run, 6);
    b->out = out;
    b->ends = ends;
}

static void check_encode(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    enum { MANY = 6 };
    static rk_t1_end ends[2][MANY][RK_T1_PASSES];
    static uint8_t out[2][MANY][MOST];
    rk_t1_source a[MANY], b[MANY];
    size_t size, count = ck_below(run, 2) ? 1 : 1 + ck_below(run, MANY), first = ck_below(run, count);
    unsigned planes;
    draw_shape(run, &a[first], &planes, n);
    draw_values(run, &a[first], planes);
    a[first].values = place_values(run, &a[first]);
    a[first].capacity = rk_t1_encode_capacity(a[first].width, a[first].height, planes);
    bool tight = ck_below(run, 6) == 0;
    if (tight)
        a[first].capacity = ck_below(run, ck_below(run, 2) ? a[first].capacity / 4 + 1 : 40);
    ck_true(run, rk_t1_encode_work(&size, a[first].capacity) && size <= sizeof work, "%zu bytes of work", size);
    for (size_t i = 0; i < count; i++) {
        if (i != first)
            draw_companion(run, &a[i], &a[first], out[0][i], ends[0][i]);
        b[i] = a[i];
        b[i].out = out[1][i];
        b[i].ends = ends[1][i];
    }
    a[first].out = ck_out(run, a[first].capacity);
    a[first].ends = ends[0][first];
    b[first].out = ck_out(run, a[first].capacity);
    memset(work, (int)ck_random(run), size);
    for (size_t i = 0; i < count; i++)
        ((rk_t1_encode_fn *)reference)(&a[i], 1, work);
    memset(work, (int)ck_random(run), size);
    ((rk_t1_encode_fn *)variant)(b, count, work);
    for (size_t i = 0; i < count; i++)
        check_same(run, &a[i], &b[i]);
    if (!tight || b[first].result == 0)
        check_decodes(run, &b[first], planes);
}

/* Coefficients as a 12-bit CT slice has them: 64 x 64, most of them small. */
static void bench_encode(ck_run *run, ck_fn *fn, size_t n)
{
    static int16_t in[RK_BLOCK_AREA];
    enum { MANY = 64 };
    static rk_t1_end ends[MANY][RK_T1_PASSES];
    static uint8_t out[MANY][MOST / 4];
    static rk_t1_source blocks[MANY];
    const rk_t1_source b = {.width = 64, .height = 64, .band = RK_BAND_HL, .format = RK_COEF_INT16,
                            .values = in, .stride = 64, .capacity = MOST / 4};
    size_t count = (n + RK_BLOCK_AREA - 1) / RK_BLOCK_AREA;
    for (size_t i = 0; i < count && i < MANY; i++) {
        blocks[i] = b;
        blocks[i].out = out[i];
        blocks[i].ends = ends[i];
    }
    for (size_t i = 0; i < RK_BLOCK_AREA; i++) {
        uint64_t word = ck_random(run);
        int size = (int)((word & 15) + (word >> 4 & 15) + (word >> 8 & 15)) - 22;
        in[i] = (int16_t)(word >> 12 & 63 ? size / 2 : size * 5);
    }
    CK_TIME(run, count * RK_BLOCK_AREA, ((rk_t1_encode_fn *)fn)(blocks, count, work));
}

static const ck_member members[] = {{"encode", check_encode, bench_encode}};

CK_STAGE(t1_encode, rk_t1_encode_table, rk_t1_encode_table_fill, members)
