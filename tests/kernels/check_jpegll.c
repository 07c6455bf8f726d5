/* checkkernel: JPEG Lossless (kernels/jpegll.h). */
#include <string.h>

#include "checkkernel.h"
#include "kernels/cpu.h"
#include "kernels/jpegll.h"

enum { MOST = 1 << 14 };
static rk_jpegll_lut luts[3];
static uint16_t drawn[3 * MOST];
static uint8_t stream[4 * 3 * MOST + 64];

/* Words lie at even addresses, wherever the case puts its bytes. */
static uint16_t *words_out(ck_run *run, size_t n)
{
    uint8_t *p = ck_out(run, 2 * n + 1);
    return (uint16_t *)(void *)(p + ((uintptr_t)p & 1));
}

static const uint16_t *words_in(ck_run *run, size_t n)
{
    const uint8_t *p = ck_in(run, 2 * n + 1);
    return (const uint16_t *)(const void *)(p + ((uintptr_t)p & 1));
}

/* Symbols of 12 bits (SSSS 7) and of 27 (SSSS 15), which empty the bit register fastest. */
static void mixed_spec(rk_huff_spec *spec)
{
    static const uint8_t counts[16] = {0, 0, 0, 0, 8, 2, 1, 1, 1, 1, 1, 1, 1};
    static const uint8_t values[17] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    memset(spec, 0, sizeof *spec);
    memcpy(spec->counts, counts, sizeof counts);
    memcpy(spec->values, values, sizeof values);
}

static void random_spec(ck_run *run, rk_huff_spec *spec)
{
    uint64_t frequency[17];
    unsigned steep = (unsigned)ck_below(run, 40);
    for (size_t s = 0; s < 17; s++)
        frequency[s] = 1 + (ck_random(run) >> (24 + ck_below(run, steep)));
    rk_huff_optimal(spec, frequency, 17);
    if (ck_below(run, 16) == 0) /* a category that does not exist */
        spec->values[ck_below(run, 17)] = (uint8_t)(17 + ck_below(run, 239));
}

static void codes_of(const rk_huff_spec *spec, rk_jpegll_codes *codes)
{
    uint32_t code = 0;
    size_t k = 0;
    memset(codes, 0, sizeof *codes);
    for (uint32_t l = 1; l <= 16; l++, code <<= 1)
        for (uint32_t i = 0; i < spec->counts[l - 1]; i++, code++) {
            uint32_t s = spec->values[k++];
            if (s > 16)
                continue;
            codes->code[s] = (uint64_t)code << (s & 15);
            codes->length[s] = (uint8_t)(l + (s & 15));
        }
}

static uint16_t draw(ck_run *run, unsigned kind)
{
    uint64_t word = ck_random(run);
    if (kind == 0)
        return (uint16_t)word;
    if (kind == 3) /* category 7 alone: all symbols have the same length, so chains never meet */
        return (uint16_t)(64 + (word & 63));
    unsigned bits = kind == 1 ? (word >> 60 ? 7 : 15) : (unsigned)(word >> 32) % 17;
    return (uint16_t)((word & 1 ? 1u : ~0u) * ((1u << bits >> 1) | (word >> 8 & ((1u << bits >> 1) - 1))));
}

/* A table for decoding in `at`, prepared for the variants of this machine; `alone` as they say. */
static bool make_table(ck_run *run, rk_huff_spec *spec, rk_jpegll_lut *at, bool alone)
{
    rk_jpegll_table best;
    if (ck_below(run, 2))
        mixed_spec(spec);
    else
        random_spec(run, spec);
    if (!rk_huff_build(&at->canon, spec))
        return false;
    rk_jpegll_table_fill(&best, rk_cpu_detect());
    best.prepare(at, alone);
    return true;
}

/* Entropy-coded bytes for about n differences, sometimes noise, and zeros behind them. */
static const uint8_t *in_stream(ck_run *run, const rk_huff_spec *spec, size_t n, size_t *size)
{
    if (ck_below(run, 3) == 0) {
        *size = (size_t)ck_below(run, n + 1);
        const uint8_t *noise = ck_in(run, *size);
        memcpy(stream, noise, *size);
    } else {
        rk_jpegll_codes codes;
        unsigned kind = (unsigned)ck_below(run, 4);
        codes_of(spec, &codes);
        for (size_t i = 0; i < n; i++)
            drawn[i] = draw(run, kind);
        *size = rk_jpegll_emit_c(stream, drawn, n, &codes);
        if (ck_below(run, 4) == 0)
            *size -= (size_t)ck_below(run, *size + 1);
    }
    memset(stream + *size, 0, RK_PAD);
    return ck_in_from(run, stream, *size + RK_PAD);
}

static void check_prepare(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_huff_spec spec;
    static rk_jpegll_lut before;
    (void)n;
    bool alone = ck_below(run, 2);
    if (!make_table(run, &spec, &luts[0], alone))
        return;
    before = luts[0];
    ((rk_jpegll_prepare_fn *)reference)(&luts[0], alone);
    ((rk_jpegll_prepare_fn *)variant)(&luts[0], alone);
    ck_equal(run, &before.canon, &luts[0].canon, sizeof before.canon, "canonical table");
}

/* How many differences to ask for next: few, as short lines are, hundreds, or all that are left. */
static size_t draw_batch(ck_run *run, size_t left)
{
    static const size_t most[] = {9, 9, 1500};
    size_t kind = (size_t)ck_below(run, 4);
    if (kind == 3)
        return left;
    return 1 + (size_t)ck_below(run, left < most[kind] ? left : most[kind]);
}

static void check_diff(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_huff_spec spec;
    const rk_jpegll_lut *tables[3] = {&luts[0], &luts[0], &luts[0]};
    size_t components = ck_below(run, 2) ? 3 : 1, size;
    bool alone = components == 1 || ck_below(run, 2);
    n = n < MOST ? n : MOST;
    bool made = make_table(run, &spec, &luts[0], alone);
    if (!alone) {
        made &= make_table(run, &spec, &luts[1], false);
        tables[1] = tables[2] = &luts[1];
    }
    if (!made)
        return;
    const uint8_t *data = in_stream(run, &spec, n * components, &size);
    rk_jpegll_bits a = {.data = data, .size = size, .code = RK_OK}, b = a;
    a.spare = words_out(run, n * components + RK_JPEGLL_SLACK);
    b.spare = words_out(run, n * components + RK_JPEGLL_SLACK);
    uint16_t *x = words_out(run, n * components + RK_JPEGLL_SLACK);
    uint16_t *y = words_out(run, n * components + RK_JPEGLL_SLACK);
    b.rate = (uint32_t)ck_below(run, 32 << RK_JPEGLL_RATE); /* any guess is right in the end */
    for (size_t left = n; left > 0 && a.code == RK_OK;) { /* in batches, as lines are */
        size_t batch = draw_batch(run, left), want = batch * components;
        uint16_t *p = x + n * components - want, *q = y + n * components - want;
        size_t had = ((rk_jpegll_diff_fn *)reference)(&a, p, want, tables, components);
        size_t got = ((rk_jpegll_diff_fn *)variant)(&b, q, want, tables, components);
        ck_true(run, had == got, "%zu and %zu differences of %zu", had, got, want);
        ck_equal(run, p, q, had * sizeof *p, "%zu differences, %zu components", want, components);
        ck_true(run, (had < want) == (a.code != RK_OK), "%zu of %zu, code %d", had, want, a.code);
        ck_true(run, a.code == b.code && a.rule == b.rule, "codes %d and %d, rules %d and %d",
                a.code, b.code, a.rule, b.rule);
        left -= batch;
        if (had != got)
            return;
    }
}

static void check_split(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    size_t components = 1 + (size_t)ck_below(run, 4);
    uint16_t *a[4], *b[4];
    const uint16_t *diff = words_in(run, n * components);
    for (size_t k = 0; k < components; k++) {
        a[k] = words_out(run, n);
        b[k] = words_out(run, n);
    }
    ((rk_jpegll_split_fn *)reference)(a, diff, n, components);
    ((rk_jpegll_split_fn *)variant)(b, diff, n, components);
    for (size_t k = 0; k < components; k++)
        ck_equal(run, a[k], b[k], 2 * n, "component %zu of %zu", k, components);
}

static void check_predict(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    unsigned predictor = 1 + (unsigned)ck_below(run, 7);
    uint16_t start = (uint16_t)ck_random(run);
    const uint16_t *diff = words_in(run, n), *above = words_in(run, n);
    uint16_t *a = words_out(run, n), *b = words_out(run, n), *c = words_out(run, n);
    memcpy(c, diff, 2 * n);
    if (predictor == 1)
        above = NULL;
    ((rk_jpegll_predict_fn *)reference)(a, above, diff, n, predictor, start);
    ((rk_jpegll_predict_fn *)variant)(b, above, diff, n, predictor, start);
    ((rk_jpegll_predict_fn *)variant)(c, above, c, n, predictor, start);
    ck_equal(run, a, b, 2 * n, "predictor %u", predictor);
    ck_equal(run, a, c, 2 * n, "predictor %u, in place", predictor);
}

static void check_store(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_jpegll_layout to;
    const uint16_t *rows[4];
    unsigned precision;
    memset(&to, 0, sizeof to);
    to.width = 1 + (size_t)ck_below(run, 2);
    to.stride = 1 + (size_t)ck_below(run, 4);
    to.components = ck_below(run, 4) ? to.stride : 1;
    precision = 2 + (unsigned)ck_below(run, to.width == 1 ? 7 : 15);
    to.mask = (uint16_t)((1u << precision) - 1);
    to.transform = (unsigned)ck_below(run, precision);
    size_t first = to.components == 1 ? (size_t)ck_below(run, to.stride) : ck_below(run, 4) == 0;
    for (size_t k = 0; k < to.components; k++) {
        to.place[k] = (first + k) % to.stride;
        rows[k] = words_in(run, n);
    }
    size_t bytes = n * to.stride * to.width;
    uint8_t *a = ck_out(run, bytes), *b = ck_out(run, bytes);
    ((rk_jpegll_store_fn *)reference)(a, rows, n, &to);
    ((rk_jpegll_store_fn *)variant)(b, rows, n, &to);
    ck_equal(run, a, b, bytes, "width %zu, %zu of %zu components, mask %x, transform %u",
             to.width, to.components, to.stride, to.mask, to.transform);
}

static void check_line(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_jpegll_layout to;
    memset(&to, 0, sizeof to);
    to.width = 1 + (size_t)ck_below(run, 2);
    to.components = to.stride = 1 + (size_t)ck_below(run, 4);
    unsigned precision = 2 + (unsigned)ck_below(run, to.width == 1 ? 7 : 15);
    to.mask = (uint16_t)((1u << precision) - 1);
    to.transform = (unsigned)ck_below(run, precision);
    uint16_t first[4], second[4];
    for (size_t k = 0; k < to.components; k++) {
        to.place[k] = k;
        first[k] = second[k] = (uint16_t)ck_random(run);
    }
    const uint16_t *diff = words_in(run, n * to.components);
    size_t bytes = n * to.components * to.width;
    uint8_t *a = ck_out(run, bytes), *b = ck_out(run, bytes);
    ((rk_jpegll_line_fn *)reference)(a, diff, n, first, &to);
    ((rk_jpegll_line_fn *)variant)(b, diff, n, second, &to);
    ck_equal(run, a, b, bytes, "width %zu, %zu components, mask %x, transform %u", to.width,
             to.components, to.mask, to.transform);
    ck_equal(run, first, second, to.components * sizeof *first, "first samples of %zu components",
             to.components);
}

static void check_emit(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_huff_spec spec;
    rk_jpegll_codes codes;
    unsigned kind = (unsigned)ck_below(run, 3);
    size_t bits = 0;
    uint64_t histogram[17] = {0};
    n = n < MOST ? n : MOST;
    for (size_t i = 0; i < n; i++)
        drawn[i] = draw(run, kind);
    const uint16_t *diff = drawn;
    mixed_spec(&spec);
    codes_of(&spec, &codes);
    rk_jpegll_count_c(histogram, diff, n);
    for (size_t s = 0; s < 17; s++)
        bits += (size_t)histogram[s] * codes.length[s];
    size_t bytes = (bits + 7) / 8;
    uint8_t *a = ck_out(run, bytes + 16), *b = ck_out(run, bytes + 16);
    size_t used = ((rk_jpegll_emit_fn *)reference)(a, diff, n, &codes);
    size_t got = ((rk_jpegll_emit_fn *)variant)(b, diff, n, &codes);
    ck_true(run, used == bytes && got == bytes, "%zu bytes: %zu and %zu", bytes, used, got);
    ck_equal(run, a, b, bytes, "entropy-coded bytes");
}

static void check_count(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const uint16_t *diff = words_in(run, n);
    uint64_t a[17] = {0}, b[17] = {0};
    ((rk_jpegll_count_fn *)reference)(a, diff, n);
    ((rk_jpegll_count_fn *)variant)(b, diff, n);
    ck_equal(run, a, b, sizeof a, "histogram");
}

static void bench_diff(ck_run *run, ck_fn *fn, size_t n)
{
    rk_huff_spec spec;
    rk_jpegll_codes codes;
    const rk_jpegll_lut *tables[1] = {&luts[0]};
    static uint16_t out[MOST + RK_JPEGLL_SLACK];
    uint64_t histogram[17] = {0};
    rk_jpegll_table best;
    n = n < MOST ? n : MOST;
    for (size_t i = 0; i < n; i++) { /* small differences are the many */
        uint64_t word = ck_random(run);
        drawn[i] = (uint16_t)((word & 15) + (word >> 4 & 15) - 15);
    }
    rk_jpegll_count_c(histogram, drawn, n);
    rk_huff_optimal(&spec, histogram, 17);
    codes_of(&spec, &codes);
    if (!rk_huff_build(&luts[0].canon, &spec))
        return;
    rk_jpegll_table_fill(&best, rk_cpu_detect());
    best.prepare(&luts[0], true);
    size_t size = rk_jpegll_emit_c(stream, drawn, n, &codes);
    memset(stream + size, 0, RK_PAD);
    static uint16_t spare[MOST + RK_JPEGLL_SLACK];
    rk_jpegll_bits start = {
        .data = stream, .size = size, .code = RK_OK, .spare = spare, .rate = 5 << RK_JPEGLL_RATE};
    rk_jpegll_bits b;
    CK_TIME(run, n, b = start; ((rk_jpegll_diff_fn *)fn)(&b, out, n, tables, 1));
}

static void bench_predict(ck_run *run, ck_fn *fn, size_t n)
{
    const uint16_t *diff = words_in(run, n);
    uint16_t *out = words_out(run, n);
    CK_TIME(run, n, ((rk_jpegll_predict_fn *)fn)(out, NULL, diff, n, 1, 0));
}

static void bench_line(ck_run *run, ck_fn *fn, size_t n)
{
    const rk_jpegll_layout to = {.components = 1, .stride = 1, .width = 2, .mask = 4095};
    const uint16_t *diff = words_in(run, n);
    uint16_t first = 0;
    uint8_t *out = ck_out(run, 2 * n);
    CK_TIME(run, n, ((rk_jpegll_line_fn *)fn)(out, diff, n, &first, &to));
}

static const ck_member members[] = {
    {"prepare", check_prepare, NULL}, {"diff", check_diff, bench_diff},
    {"split", check_split, NULL},     {"predict", check_predict, bench_predict},
    {"store", check_store, NULL},     {"line", check_line, bench_line},
    {"emit", check_emit, NULL},       {"count", check_count, NULL},
};

CK_STAGE(jpegll, rk_jpegll_table, rk_jpegll_table_fill, members)
