/* tests/kernels/check_quant.c: coefficients of code-blocks into bands. */
#include <string.h>

#include "checkkernel.h"
#include "kernels/quant.h"

enum { INTEGER, REAL };

static int64_t element(const uint8_t *p, size_t i, size_t size)
{
    int64_t x = 0;
    memcpy(&x, p + i * size, size);
    return (int64_t)((uint64_t)x << (64 - 8 * size)) >> (64 - 8 * size);
}

/* What quant.h says, in other words. */
static bool right(int64_t x, const uint8_t *out, size_t size, int kind, uint32_t roi, float scale)
{
    uint64_t magnitude = x < 0 ? 0u - (uint64_t)x : (uint64_t)x;
    uint32_t from = kind == REAL ? roi + 1 : roi;
    int64_t expected = x;
    if (roi && from < 64 && magnitude >= (uint64_t)1 << from)
        expected = x < 0 ? -(int64_t)(magnitude >> roi) : x >> roi; /* towards 0 */
    if (kind == REAL) {
        float y = (float)expected * scale;
        return memcmp(&y, out, 4) == 0;
    }
    return memcmp(&expected, out, size) == 0;
}

static void check(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n, size_t src_size,
                  size_t size, int kind)
{
    static const uint32_t shifts[] = {0, 0, 0, 1, 5, 12, 15, 31, 37, 63, 255};
    rk_quant_block b = {.width = (uint32_t)n, .height = n > 1000 ? 1 : (uint32_t)ck_below(run, 4)};
    size_t gap = ck_below(run, 5), src_gap = ck_below(run, 5);
    size_t count = b.height ? (b.height - 1) * (n + gap) + n : 0;
    uint8_t *expected = ck_out(run, count * size), *got = ck_out(run, count * size);
    b.stride = n + gap;
    b.src_stride = n + src_gap;
    b.src = ck_in(run, (b.height ? (b.height - 1) * b.src_stride + n : 0) * src_size);
    b.roi = shifts[ck_below(run, sizeof shifts / sizeof shifts[0])];
    b.scale = (float)ck_below(run, 100000) / 4096;
    b.out = expected;
    ((rk_quant_fn *)reference)(&b);
    b.out = got;
    ((rk_quant_fn *)variant)(&b);
    ck_equal(run, expected, got, count * size, "height %u roi %u scale %g", b.height, b.roi,
             (double)b.scale);
    for (size_t row = 0; row < b.height; row++)
        for (size_t i = 0; i < n; i++)
            ck_true(run,
                    right(element((const uint8_t *)b.src + row * b.src_stride * src_size, i,
                                  src_size),
                          got + (row * b.stride + i) * size, size, kind, b.roi, b.scale),
                    "row %zu element %zu roi %u scale %g", row, i, b.roi, (double)b.scale);
}

#define QUANT(name, src_size, size, kind)                                                \
    static void check_##name(ck_run *run, ck_fn *reference, ck_fn *variant, size_t n)    \
    {                                                                                    \
        check(run, reference, variant, n, src_size, size, kind);                         \
    }

QUANT(i16_i16, 2, 2, INTEGER)
QUANT(i16_i32, 2, 4, INTEGER)
QUANT(i32_i16, 4, 2, INTEGER)
QUANT(i32_i32, 4, 4, INTEGER)
QUANT(i32_i64, 4, 8, INTEGER)
QUANT(i64_i32, 8, 4, INTEGER)
QUANT(i64_i64, 8, 8, INTEGER)
QUANT(i16_f32, 2, 4, REAL)
QUANT(i32_f32, 4, 4, REAL)
QUANT(i64_f32, 8, 4, REAL)

/* Blocks of 64 columns. */
static void bench(ck_run *run, ck_fn *fn, size_t n)
{
    const void *src = ck_in(run, 8 * n);
    void *out = ck_out(run, 8 * n);
    rk_quant_block b = {src, 64, out, 64, 64, (uint32_t)(n / 64), 0, 0.5f};
    CK_TIME(run, n, ((rk_quant_fn *)fn)(&b));
}

static const ck_member members[] = {
    {"i16_i16", check_i16_i16, bench}, {"i16_i32", check_i16_i32, bench},
    {"i32_i16", check_i32_i16, bench}, {"i32_i32", check_i32_i32, bench},
    {"i32_i64", check_i32_i64, bench}, {"i64_i32", check_i64_i32, bench},
    {"i64_i64", check_i64_i64, bench}, {"i16_f32", check_i16_f32, bench},
    {"i32_f32", check_i32_f32, bench}, {"i64_f32", check_i64_f32, bench},
};

CK_STAGE(quant, rk_quant_table, rk_quant_table_fill, members)
