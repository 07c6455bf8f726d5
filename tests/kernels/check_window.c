/* tests/kernels/check_window.c: the window formula, the fast kernels, tables. */
#include <string.h>

#include "checkkernel.h"
#include "kernels/window.h"

static double number(ck_run *run, double size)
{
    return ((double)ck_below(run, 1u << 20) / (1 << 20) - 0.5) * 2 * size;
}

/* Usual and hostile windows: thresholds, slopes of any sign and size, centres far away. */
static rk_window random_window(ck_run *run)
{
    static const double sizes[] = {1, 40, 4096, 70000, 3e9, 1e300};
    rk_window_kind kind = (rk_window_kind)ck_below(run, 3);
    double centre = number(run, sizes[ck_below(run, 6)]);
    double width = 1e-9 + (number(run, 0.5) + 0.5) * sizes[ck_below(run, 6)];
    double slope = number(run, sizes[ck_below(run, 6)]), intercept = number(run, 2000);
    uint8_t ymin = (uint8_t)(ck_below(run, 2) ? 0 : ck_below(run, 256));
    uint8_t ymax = (uint8_t)(ck_below(run, 2) ? 255 : ymin + ck_below(run, 256u - ymin));
    if (ck_below(run, 2)) {
        slope = 1 + (double)ck_below(run, 2) - 2 * (double)ck_below(run, 2);
        centre = (double)ck_below(run, 300) - 100;
        width = (double)ck_below(run, 300);
        intercept = (double)ck_below(run, 3) * -1024;
    }
    if (kind == RK_WINDOW_LINEAR && width < 1)
        width = 1;
    if (kind != RK_WINDOW_LINEAR && !(width > 0))
        width = 0.5;
    return rk_window_make(kind, centre, width, slope, intercept, ymin, ymax, ck_below(run, 2));
}

#define WINDOW_FORMAT "kind %d slope %g intercept %g centre %g width %g y %d to %d invert %d"
#define WINDOW_VALUES(w)                                                                 \
    w.kind, w.slope, w.intercept, w.centre, w.width, w.ymin, w.ymax, w.invert

static void check_values(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    static const int64_t firsts[] = {0, -32768, -128, 1LL << 53, -(1LL << 61)};
    rk_window w = random_window(run);
    int64_t first = firsts[ck_below(run, 5)];
    uint8_t *expected = ck_out(run, n), *got = ck_out(run, n);
    ((rk_window_values_fn *)reference)(&w, first, expected, n);
    ((rk_window_values_fn *)variant)(&w, first, got, n);
    ck_equal(run, expected, got, n, WINDOW_FORMAT, WINDOW_VALUES(w));
    for (size_t i = 0; i < n; i++)
        ck_true(run, got[i] >= w.ymin && got[i] <= w.ymax, "in range: " WINDOW_FORMAT,
                WINDOW_VALUES(w));
}

/* Any bits at all, so not-a-numbers, infinities and denormals come along. */
static void check_direct(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size)
{
    rk_window w = random_window(run);
    const void *src = ck_in(run, n * size);
    uint8_t *expected = ck_out(run, n), *got = ck_out(run, n);
    ((rk_window_direct_fn *)reference)(&w, src, expected, n);
    ((rk_window_direct_fn *)variant)(&w, src, got, n);
    ck_equal(run, expected, got, n, WINDOW_FORMAT, WINDOW_VALUES(w));
}

static void check_4(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_direct(run, reference, variant, n, 4);
}

static void check_8(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_direct(run, reference, variant, n, 8);
}

/* Any constants that the contract permits, not only those that rk_window_fit gives. */
static rk_window_fast random_fast(ck_run *run)
{
    rk_window_fast f;
    memset(&f, 0, sizeof f);
    f.flip = (uint16_t)(ck_below(run, 2) << 15);
    f.low = (uint16_t)ck_random(run);
    f.span = (uint16_t)(ck_random(run) >> (48 + ck_below(run, 16)));
    f.times = (uint16_t)ck_below(run, f.span ? 65535u / f.span + 1 : 65536);
    f.plus = (uint16_t)(ck_below(run, 2) ? ck_random(run) : 0);
    f.minus = (uint16_t)(ck_below(run, 2) ? ck_random(run) : 0);
    f.factor = (uint16_t)ck_random(run);
    f.down = (uint8_t)(1 + ck_below(run, 15));
    f.base = (uint8_t)(ck_below(run, 2) ? 0 : ck_random(run));
    f.top = (uint8_t)(ck_below(run, 2) ? 255 : ck_random(run));
    f.complement = (uint8_t)(ck_below(run, 2) ? 0xFF : 0);
    f.scale = (float)number(run, ck_below(run, 2) ? 1 : 300);
    f.bias = (float)number(run, ck_below(run, 2) ? 2 : 1e6);
    return f;
}

static void check_fast(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    rk_window_fast f = random_fast(run);
    const void *src = ck_in(run, 2 * n);
    uint8_t *expected = ck_out(run, n), *got = ck_out(run, n);
    ((rk_window_fast_fn *)reference)(&f, src, expected, n);
    ((rk_window_fast_fn *)variant)(&f, src, got, n);
    ck_equal(run, expected, got, n, "flip %x low %d span %d times %d plus %d minus %d factor %d "
             "down %d scale %g bias %g", f.flip, f.low, f.span, f.times, f.plus, f.minus, f.factor,
             f.down, (double)f.scale, (double)f.bias);
}

static void check_map(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size)
{
    const uint8_t *map = ck_in(run, size == 1 ? 256 : 65536), *src = ck_in(run, n * size);
    uint8_t *expected = ck_out(run, n), *got = ck_out(run, n);
    ((rk_window_map_fn *)reference)(map, src, expected, n);
    ((rk_window_map_fn *)variant)(map, src, got, n);
    ck_equal(run, expected, got, n, "map");
    for (size_t i = 0; i < n; i++)
        ck_true(run, got[i] == map[size == 1 ? src[i] : src[2 * i] | src[2 * i + 1] << 8],
                "entry of element %zu", i);
}

static void check_map8(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_map(run, reference, variant, n, 1);
}

/* A map of 64 KiB for every case is slow, so it gets some of the cases only. */
static void check_map16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    if (ck_below(run, 32) == 0 || n > 130)
        check_map(run, reference, variant, n, 2);
}

static void check_look(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size,
                       bool is_signed)
{
    static const int64_t firsts[] = {0, -128, 100, -32768, 70000, -2147483648LL, 1LL << 60};
    size_t entries = 1 + ck_below(run, 400);
    int64_t first = firsts[ck_below(run, 7)];
    const uint8_t *table = ck_in(run, entries), *src = ck_in(run, n * size);
    uint8_t *expected = ck_out(run, n), *got = ck_out(run, n);
    ((rk_window_look_fn *)reference)(table, entries, first, src, expected, n);
    ((rk_window_look_fn *)variant)(table, entries, first, src, got, n);
    ck_equal(run, expected, got, n, "entries %zu first %lld", entries, (long long)first);
    for (size_t i = 0; i < n && i < 40; i++) {
        uint64_t x = 0;
        memcpy(&x, src + i * size, size);
        if (is_signed && x >> (8 * size - 1))
            x |= UINT64_MAX << (8 * size);
        int64_t at = (int64_t)x - first;
        at = at < 0 ? 0 : at >= (int64_t)entries ? (int64_t)entries - 1 : at;
        ck_true(run, got[i] == table[at], "element %zu of %zu entries from %lld", i, entries,
                (long long)first);
    }
}

#define LOOK(name, size, is_signed)                                                      \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        check_look(run, reference, variant, n, size, is_signed);                         \
    }                                                                                    \
    static void bench_##name(ck_run *run, ck_fn *fn, size_t n)                           \
    {                                                                                    \
        const void *table = ck_in(run, 4096), *src = ck_in(run, n * size);               \
        uint8_t *out = ck_out(run, n);                                                   \
        CK_TIME(run, n, ((rk_window_look_fn *)fn)(table, 4096, 0, src, out, n));         \
    }

LOOK(look_u8, 1, false)
LOOK(look_i8, 1, true)
LOOK(look_u16, 2, false)
LOOK(look_i16, 2, true)
LOOK(look_u32, 4, false)
LOOK(look_i32, 4, true)

static rk_window usual(void)
{
    return rk_window_make(RK_WINDOW_LINEAR, 40, 400, 1, -1024, 0, 255, false);
}

static void bench_values(ck_run *run, ck_fn *fn, size_t n)
{
    rk_window w = usual();
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_window_values_fn *)fn)(&w, 0, out, n));
}

static void bench_direct(ck_run *run, ck_fn *fn, size_t n)
{
    rk_window w = usual();
    const void *src = ck_in(run, n * 8);
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_window_direct_fn *)fn)(&w, src, out, n));
}

static void bench_fast(ck_run *run, ck_fn *fn, size_t n)
{
    rk_window_fast f = {0, 863, 400, 128, 60, 0, 41861, 9, 0, 255, 0, 0.6375f, 0.5f};
    const void *src = ck_in(run, n * 2);
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_window_fast_fn *)fn)(&f, src, out, n));
}

static void bench_map8(ck_run *run, ck_fn *fn, size_t n)
{
    const void *map = ck_in(run, 256), *src = ck_in(run, n);
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_window_map_fn *)fn)(map, src, out, n));
}

static void bench_map16(ck_run *run, ck_fn *fn, size_t n)
{
    const void *map = ck_in(run, 65536), *src = ck_in(run, 2 * n);
    uint8_t *out = ck_out(run, n);
    CK_TIME(run, n, ((rk_window_map_fn *)fn)(map, src, out, n));
}

static const ck_member members[] = {
    {"values", check_values, bench_values},
    {"f32", check_4, bench_direct},
    {"f64", check_8, bench_direct},
    {"i32", check_4, bench_direct},
    {"u32", check_4, bench_direct},
    {"integer", check_fast, bench_fast},
    {"real", check_fast, bench_fast},
    {"map8", check_map8, bench_map8},
    {"map16", check_map16, bench_map16},
    {"look_u8", check_look_u8, bench_look_u8},
    {"look_i8", check_look_i8, bench_look_i8},
    {"look_u16", check_look_u16, bench_look_u16},
    {"look_i16", check_look_i16, bench_look_i16},
    {"look_u32", check_look_u32, bench_look_u32},
    {"look_i32", check_look_i32, bench_look_i32},
};

CK_STAGE(window, rk_window_table, rk_window_table_fill, members)
