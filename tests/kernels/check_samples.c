/* tests/kernels/check_samples.c: samples into rows. */
#include <string.h>

#include "checkkernel.h"
#include "kernels/samples.h"
#include "kernels/words.h"

static const size_t STRIDES[] = {1, 1, 2, 3, 4, 7};

static void check_load(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t in_size,
                       size_t out_size)
{
    size_t stride = STRIDES[ck_below(run, sizeof STRIDES / sizeof *STRIDES)];
    size_t last = n ? (n - 1) * stride + 1 : 0;
    int32_t shift = (int32_t)ck_random(run);
    const uint8_t *src = ck_in(run, last * in_size);
    uint8_t *expected = ck_out(run, n * out_size), *got = ck_out(run, n * out_size);
    ((rk_samples_fn *)reference)(src, stride, expected, n, shift);
    ((rk_samples_fn *)variant)(src, stride, got, n, shift);
    ck_equal(run, expected, got, n * out_size, "stride %zu, shift %d", stride, (int)shift);
    if (n == 0)
        return;
    /* The low bits of a difference do not depend on the width that it was made in. */
    size_t at = ck_below(run, n), common = in_size < out_size ? in_size : out_size;
    uint32_t from = 0, to = 0, mask = common == 4 ? UINT32_MAX : (1u << 8 * common) - 1;
    memcpy(&from, src + at * stride * in_size, in_size);
    memcpy(&to, got + at * out_size, out_size);
    ck_true(run, ((from - (uint32_t)shift - to) & mask) == 0, "sample %zu is wrong", at);
}

#define LOAD(name, in_size, out_size)                                                    \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        check_load(run, reference, variant, n, in_size, out_size);                       \
    }

LOAD(u8_i16, 1, 2)
LOAD(w16_i16, 2, 2)
LOAD(w32_i16, 4, 2)
LOAD(u8_i32, 1, 4)
LOAD(u16_i32, 2, 4)
LOAD(w32_i32, 4, 4)

static void check_floats(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    const void *src = ck_in(run, 4 * n);
    void *expected = ck_out(run, 4 * n), *got = ck_out(run, 4 * n);
    ((rk_samples_floats_fn *)reference)(src, expected, n);
    ((rk_samples_floats_fn *)variant)(src, got, n);
    ck_equal(run, expected, got, 4 * n, "floats");
}

static void check_raise(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    int32_t shift = (int32_t)ck_random(run);
    const void *src = ck_in(run, 2 * n);
    void *expected = ck_out(run, 4 * n), *got = ck_out(run, 4 * n);
    ((rk_samples_raise_fn *)reference)(src, expected, n, shift);
    ((rk_samples_raise_fn *)variant)(src, got, n, shift);
    ck_equal(run, expected, got, 4 * n, "shift %d", (int)shift);
}

/* Bits of the pattern as whole numbers, so that all are numbers; scales up to where they are cut off. */
static void check_index(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)
{
    static const float SCALES[] = {1.0f, 0.37f, 1e-6f, 3.0f, 1e20f, 0.0f};
    float scale = SCALES[ck_below(run, 6)];
    const rk_i32 *bits = ck_in(run, 4 * n);
    rk_f32 *src = ck_out(run, 4 * n);
    for (size_t i = 0; i < n; i++)
        src[i] = (float)bits[i] / 16.0f;
    rk_i32 *expected = ck_out(run, 4 * n), *got = ck_out(run, 4 * n);
    ((rk_samples_index_fn *)reference)(src, expected, n, scale);
    ((rk_samples_index_fn *)variant)(src, got, n, scale);
    ck_equal(run, expected, got, 4 * n, "scale %g", (double)scale);
    for (size_t i = 0; i < n; i++) {
        double size = (double)(float)(src[i] * scale);
        size = size < 0 ? -size : size;
        double most = (double)RK_SAMPLES_INDEX, found = got[i] < 0 ? -(double)got[i] : got[i];
        bool right = size >= most ? found == most : found <= size && size < found + 1;
        ck_true(run, right && (got[i] == 0 || (got[i] < 0) == (src[i] < 0)), "sample %zu", i);
    }
}

static void bench_load(ck_run *run, ck_fn *fn, size_t n)
{
    const void *src = ck_in(run, 4 * n);
    void *out = ck_out(run, 4 * n);
    CK_TIME(run, n, ((rk_samples_fn *)fn)(src, 1, out, n, 2048));
}

static void bench_index(ck_run *run, ck_fn *fn, size_t n)
{
    rk_f32 *src = ck_out(run, 4 * n);
    void *out = ck_out(run, 4 * n);
    for (size_t i = 0; i < n; i++)
        src[i] = (float)i;
    CK_TIME(run, n, ((rk_samples_index_fn *)fn)(src, out, n, 0.3f));
}

static const ck_member MEMBERS[] = {
    {"u8_i16", check_u8_i16, bench_load},   {"i8_i16", check_u8_i16, bench_load},
    {"w16_i16", check_w16_i16, bench_load}, {"w32_i16", check_w32_i16, bench_load},
    {"u8_i32", check_u8_i32, bench_load},   {"i8_i32", check_u8_i32, bench_load},
    {"u16_i32", check_u16_i32, bench_load}, {"i16_i32", check_u16_i32, bench_load},
    {"w32_i32", check_w32_i32, bench_load}, {"floats", check_floats, NULL},
    {"raise", check_raise, NULL},          {"index", check_index, bench_index},
};

CK_STAGE(samples, rk_samples_table, rk_samples_table_fill, MEMBERS)
