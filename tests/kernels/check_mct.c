/* tests/kernels/check_mct.c: component transforms and storing of samples. */
#include <math.h>
#include <string.h>

#include "checkkernel.h"
#include "kernels/mct_variants.h"
#include "kernels/words.h"

/* ---- component transforms -------------------------------------------------------------------- */

static void twice(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size,
                  void *const *in, void **expected, void **got)
{
    for (int k = 0; k < 3; k++) {
        expected[k] = ck_copy(run, in[k], n * size);
        got[k] = ck_copy(run, in[k], n * size);
    }
    ((rk_mct_fn *)reference)(expected[0], expected[1], expected[2], n);
    ((rk_mct_fn *)variant)(got[0], got[1], got[2], n);
}

static void three(ck_run *run, void **in, size_t bytes)
{
    for (int k = 0; k < 3; k++)
        in[k] = (void *)(uintptr_t)ck_in(run, bytes);
}

static void check_rct(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size)
{
    void *in[3], *expected[3], *got[3];
    three(run, in, n * size);
    twice(run, reference, variant, n, size, in, expected, got);
    for (int k = 0; k < 3; k++)
        ck_equal(run, expected[k], got[k], n * size, "component %d", k);
}

static void check_rct_i16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_rct(run, reference, variant, n, 2);
}

static void check_rct_i32(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_rct(run, reference, variant, n, 4);
}

static void check_rct_i64(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_rct(run, reference, variant, n, 8);
}

/* The inverse undoes the forward transform, of values without overflow. */
static void check_frct(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t size)
{
    void *in[3], *small[3], *expected[3], *got[3];
    three(run, in, n * size);
    for (int k = 0; k < 3; k++) {
        small[k] = ck_copy(run, in[k], n * size);
        for (size_t i = 0; i < n; i++) {
            if (size == 2)
                ((rk_i16 *)small[k])[i] = (int16_t)(((rk_i16 *)small[k])[i] >> 3);
            else
                ((rk_i32 *)small[k])[i] >>= 3;
        }
    }
    twice(run, reference, variant, n, size, small, expected, got);
    for (int k = 0; k < 3; k++)
        ck_equal(run, expected[k], got[k], n * size, "component %d", k);
    (size == 2 ? rk_mct_irct_i16_c : rk_mct_irct_i32_c)(got[0], got[1], got[2], n);
    for (int k = 0; k < 3; k++)
        ck_equal(run, small[k], got[k], n * size, "component %d comes back", k);
}

static void check_frct_i16(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_frct(run, reference, variant, n, 2);
}

static void check_frct_i32(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    check_frct(run, reference, variant, n, 4);
}

/* Of not-a-numbers only that they are there is compared. */
static void check_ict(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    void *in[3], *expected[3], *got[3];
    three(run, in, 4 * n);
    twice(run, reference, variant, n, 4, in, expected, got);
    for (int k = 0; k < 3; k++) {
        const rk_f32 *a = expected[k];
        rk_f32 *b = got[k];
        for (size_t i = 0; i < n; i++)
            if (isnan(a[i]) && isnan(b[i]))
                b[i] = a[i];
        ck_equal(run, expected[k], got[k], 4 * n, "component %d", k);
    }
}

static void bench_transform(ck_run *run, ck_fn *fn, size_t n)
{
    void *a = ck_out(run, 8 * n), *b = ck_out(run, 8 * n), *c = ck_out(run, 8 * n);
    memset(a, 0, 8 * n); /* floats get no bits that are slow */
    memset(b, 0, 8 * n);
    memset(c, 0, 8 * n);
    CK_TIME(run, n, ((rk_mct_fn *)fn)(a, b, c, n));
}

/* ---- storing --------------------------------------------------------------------------------- */

static int64_t value_of(const void *p, size_t i, char type, const rk_mct_range *r)
{
    double x;
    if (type == 'f')
        x = ((const rk_f32 *)p)[i];
    else if (type == 's')
        x = ((const rk_i16 *)p)[i];
    else if (type == 'i')
        x = ((const rk_i32 *)p)[i];
    else {
        int64_t y;
        memcpy(&y, (const uint8_t *)p + 8 * i, 8);
        return (y < r->low ? r->low : y > r->high ? r->high : y) + (int64_t)r->add;
    }
    if (!(x > r->low))
        return r->low + (int64_t)r->add;
    if (x > r->high)
        return r->high + (int64_t)r->add;
    return (int64_t)nearbyint(x) + (int64_t)r->add;
}

/* Half of the cases of floats are numbers of usual size, many of them halves. */
static const void *source(ck_run *run, size_t n, char type, size_t size)
{
    const void *in = ck_in(run, n * size);
    rk_f32 *out;
    if (type != 'f' || ck_below(run, 2))
        return in;
    out = ck_copy(run, in, n * size);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(((const rk_i32 *)in)[i] >> 14) / 2;
    return out;
}

static void check_store(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, char type,
                        size_t size, size_t width)
{
    static const size_t counts[] = {1, 1, 3, 3, 2, 4};
    size_t samples = counts[ck_below(run, 6)];
    size_t stride = samples + (ck_below(run, 3) ? 0 : ck_below(run, 3));
    size_t count = n ? (n - 1) * stride + samples : 0;
    const void *src[4];
    rk_mct_range range[4];
    for (size_t k = 0; k < samples; k++) {
        unsigned most = type == 's' ? 16 : 32;
        unsigned usual = 8 * width < most ? (unsigned)(8 * width) : most;
        unsigned bits = 1 + (unsigned)ck_below(run, ck_below(run, 4) ? usual : most);
        range[k] = rk_mct_range_of(bits, ck_below(run, 2));
        src[k] = source(run, n, type, size);
    }
    uint8_t *expected = ck_out(run, count * width), *got = ck_out(run, count * width);
    uint8_t *before = ck_out(run, count * width);
    ((rk_mct_store_fn *)reference)(src, range, samples, expected, stride, n);
    ((rk_mct_store_fn *)variant)(src, range, samples, got, stride, n);
    ck_equal(run, expected, got, count * width, "samples %zu stride %zu high %d", samples, stride,
             range[0].high);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < stride && i * stride + k < count; k++) {
            size_t at = (i * stride + k) * width;
            int64_t value = k < samples ? value_of(src[k], i, type, range + k) : 0;
            ck_true(run, memcmp(got + at, k < samples ? (void *)&value : before + at, width) == 0,
                    "pixel %zu sample %zu of %zu, stride %zu", i, k, samples, stride);
        }
}

#define STORE(name, type, size, width)                                                   \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        check_store(run, reference, variant, n, type, size, width);                      \
    }                                                                                    \
    static void bench_##name(ck_run *run, ck_fn *fn, size_t n)                           \
    {                                                                                    \
        const rk_mct_range range = rk_mct_range_of(8 * width > 16 ? 16 : 8 * width, 0);  \
        const void *src = memset(ck_out(run, size * n), 0, size * n);                    \
        void *out = ck_out(run, width * n);                                              \
        CK_TIME(run, n, ((rk_mct_store_fn *)fn)(&src, &range, 1, out, 1, n));            \
    }

STORE(i16_8, 's', 2, 1)
STORE(i16_16, 's', 2, 2)
STORE(i16_32, 's', 2, 4)
STORE(i32_8, 'i', 4, 1)
STORE(i32_16, 'i', 4, 2)
STORE(i32_32, 'i', 4, 4)
STORE(i64_8, 'l', 8, 1)
STORE(i64_16, 'l', 8, 2)
STORE(i64_32, 'l', 8, 4)
STORE(f32_8, 'f', 4, 1)
STORE(f32_16, 'f', 4, 2)
STORE(f32_32, 'f', 4, 4)

static const ck_member members[] = {
    {"irct_i16", check_rct_i16, bench_transform},
    {"irct_i32", check_rct_i32, bench_transform},
    {"irct_i64", check_rct_i64, bench_transform},
    {"iict", check_ict, bench_transform},
    {"frct_i16", check_frct_i16, bench_transform},
    {"frct_i32", check_frct_i32, bench_transform},
    {"fict", check_ict, bench_transform},
    {"i16_8", check_i16_8, bench_i16_8},
    {"i16_16", check_i16_16, bench_i16_16},
    {"i16_32", check_i16_32, bench_i16_32},
    {"i32_8", check_i32_8, bench_i32_8},
    {"i32_16", check_i32_16, bench_i32_16},
    {"i32_32", check_i32_32, bench_i32_32},
    {"i64_8", check_i64_8, bench_i64_8},
    {"i64_16", check_i64_16, bench_i64_16},
    {"i64_32", check_i64_32, bench_i64_32},
    {"f32_8", check_f32_8, bench_f32_8},
    {"f32_16", check_f32_16, bench_f32_16},
    {"f32_32", check_f32_32, bench_f32_32},
};

CK_STAGE(mct, rk_mct_table, rk_mct_table_fill, members)
