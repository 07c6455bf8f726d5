/* tests/kernels/check_colour.c: YBR_FULL and YBR_FULL_422 into RGB. */
#include "checkkernel.h"
#include "kernels/colour.h"

/* floor(x / d + 1/2), clamped, without a shortcut. */
static int64_t share(int64_t y, int64_t x, int64_t d, int64_t high)
{
    int64_t q = (2 * x + d) / (2 * d);
    while (q * 2 * d > 2 * x + d)
        q--;
    q += y;
    return q < 0 ? 0 : q > high ? high : q;
}

/* The equations in exact fractions: 1.772 * 0.114 / 0.587 = 202008 / 587000, and so on. */
static void equation(const int64_t ycc[3], int64_t high, int64_t rgb[3])
{
    int64_t middle = (high + 1) / 2, cb = ycc[1] - middle, cr = ycc[2] - middle;
    rgb[0] = share(ycc[0], 1402 * cr, 1000, high);
    rgb[1] = share(ycc[0], -202008 * cb - 419198 * cr, 587000, high);
    rgb[2] = share(ycc[0], 1772 * cb, 1000, high);
}

static void check_pixels(ck_run *run, const uint8_t *ycc, size_t step, const uint8_t *rgb,
                         size_t n)
{
    int64_t expected[3];
    for (size_t i = 0; i < n && i < 40; i++) {
        const int64_t pixel[3] = {ycc[i * step], ycc[i * step + 1], ycc[i * step + 2]};
        equation(pixel, 255, expected);
        for (int c = 0; c < 3; c++)
            ck_true(run, expected[c] == rgb[3 * i + (size_t)c], "pixel %zu channel %d", i, c);
    }
}

static void check_rgb8(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const uint8_t *src = ck_in(run, 3 * n);
    uint8_t *expected = ck_out(run, 3 * n), *got = ck_out(run, 3 * n);
    uint8_t *in_place = ck_copy(run, src, 3 * n);
    ((rk_colour_fn *)reference)(src, expected, n);
    ((rk_colour_fn *)variant)(src, got, n);
    ((rk_colour_fn *)variant)(in_place, in_place, n);
    ck_equal(run, expected, got, 3 * n, "apart");
    ck_equal(run, expected, in_place, 3 * n, "in place");
    check_pixels(run, src, 3, got, n);
}

static void check_planes8(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const uint8_t *y = ck_in(run, n), *cb = ck_in(run, n), *cr = ck_in(run, n);
    uint8_t *expected = ck_out(run, 3 * n), *got = ck_out(run, 3 * n);
    ((rk_colour_planes_fn *)reference)(y, cb, cr, expected, n);
    ((rk_colour_planes_fn *)variant)(y, cb, cr, got, n);
    ck_equal(run, expected, got, 3 * n, "planes");
    for (size_t i = 0; i < n && i < 40; i++) {
        uint8_t ycc[3] = {y[i], cb[i], cr[i]};
        check_pixels(run, ycc, 3, got + 3 * i, 1);
    }
}

/* `rgb`: the member converts too. The pairs are looked up here one by one. */
static void check_422(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, bool rgb)
{
    n &= ~(size_t)1;
    const uint8_t *src = ck_in(run, 2 * n);
    uint8_t *expected = ck_out(run, 3 * n), *got = ck_out(run, 3 * n);
    ((rk_colour_fn *)reference)(src, expected, n);
    ((rk_colour_fn *)variant)(src, got, n);
    ck_equal(run, expected, got, 3 * n, "pairs");
    for (size_t i = 0; i < n && i < 40; i++) {
        const uint8_t *pair = src + 4 * (i / 2);
        const uint8_t ycc[3] = {pair[i % 2], pair[2], pair[3]};
        if (rgb)
            check_pixels(run, ycc, 3, got + 3 * i, 1);
        else
            ck_equal(run, ycc, got + 3 * i, 3, "pixel %zu", i);
    }
}

static void check_ybr422_8(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_422(run, reference, variant, n, false);
}

static void check_rgb422_8(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_422(run, reference, variant, n, true);
}

static uint16_t word(const uint8_t *p, size_t i)
{
    return (uint16_t)(p[2 * i] | p[2 * i + 1] << 8);
}

static void check_rgb16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    unsigned bits = 1 + (unsigned)ck_below(run, 16);
    const uint8_t *src = ck_in(run, 6 * n);
    uint8_t *expected = ck_out(run, 6 * n), *got = ck_out(run, 6 * n);
    int64_t rgb[3], high = ((int64_t)1 << bits) - 1;
    ((rk_colour_words_fn *)reference)(src, expected, n, bits);
    ((rk_colour_words_fn *)variant)(src, got, n, bits);
    ck_equal(run, expected, got, 6 * n, "bits %u", bits);
    for (size_t i = 0; i < n && i < 40; i++) {
        const int64_t ycc[3] = {word(src, 3 * i), word(src, 3 * i + 1), word(src, 3 * i + 2)};
        equation(ycc, high, rgb);
        for (size_t c = 0; c < 3; c++)
            ck_true(run, rgb[c] == word(got, 3 * i + c), "pixel %zu bits %u", i, bits);
    }
}

static void check_ybr422_16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    n &= ~(size_t)1;
    const uint8_t *src = ck_in(run, 4 * n);
    uint8_t *expected = ck_out(run, 6 * n), *got = ck_out(run, 6 * n);
    ((rk_colour_words_fn *)reference)(src, expected, n, 16);
    ((rk_colour_words_fn *)variant)(src, got, n, 16);
    ck_equal(run, expected, got, 6 * n, "pairs");
    for (size_t i = 0; i < n && i < 40; i++) {
        const uint8_t *pair = src + 8 * (i / 2);
        ck_equal(run, pair + 2 * (i % 2), got + 6 * i, 2, "Y of pixel %zu", i);
        ck_equal(run, pair + 4, got + 6 * i + 2, 4, "Cb, Cr of pixel %zu", i);
    }
}

static void bench_bytes(ck_run *run, ck_fn *fn, size_t n)
{
    const uint8_t *src = ck_in(run, 3 * n);
    uint8_t *out = ck_out(run, 3 * n);
    CK_TIME(run, n, ((rk_colour_fn *)fn)(src, out, n));
}

static void bench_planes8(ck_run *run, ck_fn *fn, size_t n)
{
    const uint8_t *src = ck_in(run, 3 * n);
    uint8_t *out = ck_out(run, 3 * n);
    CK_TIME(run, n, ((rk_colour_planes_fn *)fn)(src, src + n, src + 2 * n, out, n));
}

static void bench_words(ck_run *run, ck_fn *fn, size_t n)
{
    const void *src = ck_in(run, 6 * n);
    void *out = ck_out(run, 6 * n);
    CK_TIME(run, n, ((rk_colour_words_fn *)fn)(src, out, n, 12));
}

static const ck_member members[] = {
    {"rgb8", check_rgb8, bench_bytes},           {"planes8", check_planes8, bench_planes8},
    {"ybr422_8", check_ybr422_8, bench_bytes},   {"rgb422_8", check_rgb422_8, bench_bytes},
    {"rgb16", check_rgb16, bench_words},         {"ybr422_16", check_ybr422_16, bench_words},
};

CK_STAGE(colour, rk_colour_table, rk_colour_table_fill, members)
